"""A command of a person's own that is run when a run has ended."""

from __future__ import annotations

import os
import subprocess
import tempfile
from pathlib import Path

from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.text import clean

WITHIN = 10.0
"""Seconds for which the end of the command is waited for. It is not ended then: it goes on by itself."""


def environment(record: RunRecord, folder: Path) -> dict[str, str]:
    """Return what the command is told of the run that ended: variables of the environment, all of them text."""
    accuracy, closing = record.accuracy, record.closing
    return {
        "CIFAR_TUI_RUN": record.started.name if record.started else folder.name,
        "CIFAR_TUI_FOLDER": str(folder.absolute()),
        "CIFAR_TUI_STATUS": record.status,
        "CIFAR_TUI_ACCURACY": "" if accuracy is None else f"{accuracy:.2f}",
        "CIFAR_TUI_REASON": clean(closing.reason) if isinstance(closing, Failed) else "",
    }


def run_command(command: str, record: RunRecord, folder: Path, within: float = WITHIN) -> str:
    """Run `command` with the shell, and wait for it at most `within` seconds. Return in a line why it failed, if so.

    With the shell, so that `$CIFAR_TUI_RUN` can stand in it: no part of the run's name becomes part of the command. It
    is a process group of its own, which neither Ctrl-C nor the end of this program reaches.
    """
    values = {name: value.replace("\0", "") for name, value in environment(record, folder).items()}
    with tempfile.TemporaryFile() as said:
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", command],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=said,
                env={**os.environ, **values},
                start_new_session=True,
            )
            code = process.wait(within)
        except subprocess.TimeoutExpired:
            # Not waited for any more; this keeps Python from complaining of a process that still runs.
            process.returncode = 0
            return ""
        except (OSError, ValueError) as error:  # ValueError: a NUL in the command
            return f"The command of --when-done could not be run: {clean(error)[:200]}"
        if code == 0:
            return ""
        said.seek(max(0, said.tell() - 4096) if said.seekable() else 0)
        lines = said.read(4096).decode(errors="replace").strip().splitlines()
    why = f": {clean(lines[-1])[:200]}" if lines else ""
    what = f"was ended by signal {-code}" if code < 0 else f"failed with exit code {code}"
    return f"The command of --when-done {what}{why}"
