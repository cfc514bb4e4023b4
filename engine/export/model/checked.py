"""model.onnx, made in a process of its own, and written only if it does what the network does."""

from __future__ import annotations

import hashlib
import json
import math
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError
from engine.process import python_running
from engine.text import clean, counted
from engine.use.exported import CONFIG, MODEL, ONNX, Contract, OnnxFile

NEEDED = ("onnx", "onnxscript", "onnxruntime")
"""Packages that are not installed with the program: they are an extra of it."""


def check_needed() -> None:
    """Raise `EngineError` if the packages that make and run ONNX files are not installed."""
    missing = [name for name in NEEDED if find_spec(name) is None]
    if missing:
        are = "is" if len(missing) == 1 else "are"
        raise EngineError(f"{', '.join(missing)} {are} not installed. pip install '.[onnx]' installs what it takes.")


def checked_onnx(
    contract: Contract, weights: bytes, images: NDArray[np.uint8], command: Sequence[str] = ()
) -> tuple[bytes, OnnxFile]:
    """Return the ONNX file of a model, and how it was checked on `images` (n, 32, 32, 3).

    `weights` is the content of model.safetensors. `command` is the process that makes the file. Raises `EngineError` if
    it cannot be made, or if it takes an image for another class than the network does.
    """
    check_needed()
    if not len(images):
        raise EngineError("there are no test images to check it on.")
    try:
        with tempfile.TemporaryDirectory(prefix="cifar-tui-") as name:
            folder = Path(name)
            (folder / MODEL).write_bytes(weights)
            (folder / CONFIG).write_bytes(contract.as_json())
            np.save(folder / "images.npy", images, allow_pickle=False)
            found = _answer(command or python_running("engine.export.model"), folder)
            content = (folder / ONNX).read_bytes()
    except OSError as error:
        raise EngineError(f"it could not be made: {error.filename or 'disk'}: {error.strerror or error}.") from None
    if not math.isfinite(found["largest_difference"]):
        raise EngineError("the network's probabilities are not finite.")
    if found["agreed"] < found["images"]:
        others = counted(found["images"] - found["agreed"], "image")
        raise EngineError(
            f"it takes {others} of {found['images']:,} for another class than the network, and its probabilities"
            f" differ by up to {found['largest_difference']:.1e}."
        )
    return content, OnnxFile(
        sha256=hashlib.sha256(content).hexdigest(),
        images=found["images"],
        agreement=100.0 * found["agreed"] / found["images"],
        largest_difference=found["largest_difference"],
        onnxruntime=found["onnxruntime"],
    )


def _answer(command: Sequence[str], folder: Path) -> dict[str, Any]:
    """Return what the process answers. Raises `EngineError` with the reason if it failed."""
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            with suppress(OSError):  # it may be gone already
                process.stdin.write(json.dumps(str(folder)).encode() + b"\n")
                process.stdin.flush()  # and left open: the end of it would end the process
            answer = process.stdout.readline()
        except BaseException:
            process.kill()
            raise
    try:
        found: dict[str, Any] = json.loads(answer)
    except ValueError:
        raise EngineError(f"the process that makes it ended with {process.returncode} and no answer.") from None
    if "error" in found:
        reason = clean(found["error"])
        raise EngineError(f"torch could not export this network. {reason[:200]}{'…' if len(reason) > 200 else ''}")
    return found
