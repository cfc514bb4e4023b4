"""A run as a process of its own, so that it survives its terminal and the app."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence

from engine.config import CONSTANTS, TrainingConfig
from engine.errors import RunFolderError
from engine.files import expanded
from engine.runs.watched import WatchedRun
from engine.storage.names import check_new, new_name


def start(config: TrainingConfig, command: Sequence[str]) -> WatchedRun:
    """Start a run with these constants in the background, to be watched.

    `command` are the words that train; the constants follow as flags. Raises `ConstantError` if the run could not have
    its folder, and `RunFolderError` if no process can be started.
    """
    check_new(config)
    runs_dir = expanded(config.runs_dir)
    name = config.name or new_name(runs_dir)
    chosen = config.replaced(name=name)
    words = [word for constant in CONSTANTS for word in constant.arguments(getattr(chosen, constant.name))]
    try:
        process = subprocess.Popen(
            [*command, *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # a hang-up of this terminal does not reach it
        )
    except OSError as error:
        raise RunFolderError(f"No process could be started: {error.strerror}.") from None
    return WatchedRun(runs_dir / name, process)
