"""Where a new run can begin: a checkpoint of a run that trains, taken now and held while the new one is prepared."""

from __future__ import annotations

import time
from pathlib import Path

from engine.storage import checkpoint, lock, origin
from engine.storage.checkpoint import Checkpoint
from engine.storage.layout import CHECKPOINTS

PATIENCE = 10.0
"""Seconds that are waited for a checkpoint: a run that evaluates takes none."""

_LOOKS_EVERY = 0.05


def point(folder: Path, iteration: int, patience: float = PATIENCE) -> Checkpoint:
    """Hold the checkpoint of the run in `folder` that was asked for when it had done `iteration` iterations.

    If none comes within `patience` seconds, or the run has ended, it is the newest that there is. Raises
    `RunFolderError` if there is none.
    """
    until = time.monotonic() + patience
    while checkpoint.newest(folder / CHECKPOINTS) < iteration and lock.is_live(folder) and time.monotonic() < until:
        time.sleep(_LOOKS_EVERY)
    return origin.hold(folder)
