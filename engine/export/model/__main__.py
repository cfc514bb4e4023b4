"""The process that makes model.onnx: on stdin a folder, as a line of JSON; on stdout how it went, likewise.

The folder holds a model as `engine.use.exported` describes, and the images to compare it on, `images.npy`. It gets
`model.onnx`. When its stdin is closed the program that asked is gone: the process removes the folder and ends at once.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from dataclasses import asdict
from pathlib import Path

_answering = threading.Event()
"""Set once the answer is known: from then on the folder is left to the program that asked."""


def main() -> None:
    answer = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # libraries may print; stdout is for the answer alone
    folder = Path(json.loads(sys.stdin.buffer.readline()))
    threading.Thread(target=_end_with_stdin, args=(folder,), daemon=True).start()
    os.nice(10)  # a run may be training
    try:
        found = _made(folder)
    except Exception as error:  # noqa: BLE001 - told to the program that asked
        found = {"error": f"{type(error).__name__}: {error}"}
    _answering.set()
    answer.write(json.dumps(found) + "\n")
    answer.flush()
    os._exit(0)


def _made(folder: Path) -> dict[str, object]:
    import numpy as np

    from engine.export.model.onnx_file import compared, made
    from engine.use.exported import ONNX, read

    model = read(folder)
    content = made(model)
    comparison = compared(content, model, np.load(folder / "images.npy", allow_pickle=False))
    (folder / ONNX).write_bytes(content)
    return asdict(comparison)


def _end_with_stdin(folder: Path) -> None:
    sys.stdin.buffer.read()
    if not _answering.is_set():
        shutil.rmtree(folder, ignore_errors=True)
    os._exit(1)


if __name__ == "__main__":
    main()
