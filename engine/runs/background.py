"""A run as a process of its own, which no terminal and no screen can take down with it."""

from __future__ import annotations

import subprocess

from engine.config import CONSTANTS, TrainingConfig
from engine.errors import RunFolderError
from engine.process import python_running
from engine.runs.watched import WatchedRun
from engine.storage import folder as rundir


def start(config: TrainingConfig) -> WatchedRun:
    """Start `cifar-tui train` with these constants in the background, to be watched.

    Raises `ConstantError` where the run could not have its folder, and `RunFolderError` where no process can be had.
    """
    rundir.check_new(config)
    name = config.name or rundir.new_name(config.runs_dir)
    chosen = config.replaced(name=name)
    words = [word for constant in CONSTANTS for word in constant.arguments(getattr(chosen, constant.name))]
    try:
        process = subprocess.Popen(
            [*python_running("tui"), "train", *words],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
            errors="replace",
            start_new_session=True,  # a hang-up of this terminal is none of its business
        )
    except OSError as error:
        raise RunFolderError(f"No process could be started: {error.strerror}.") from None
    return WatchedRun(config.runs_dir / name, process)
