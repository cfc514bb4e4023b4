"""The checkpoint of another run that a run begins with: found by name, and copied into the run's own folder.

So a run can be started again when the other one is gone.
"""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from engine.config import TrainingConfig
from engine.errors import ConstantError, RunFolderError
from engine.files import expanded
from engine.storage import checkpoint
from engine.storage.checkpoint import Checkpoint
from engine.storage.layout import BRANCHES, CHECKPOINTS, ORIGIN
from engine.text import clean

_HELD = 4
"""Checkpoints that are held for branches at most; the newest are kept."""


def find(config: TrainingConfig) -> Checkpoint | None:
    """Return the checkpoint that `config.start_from` names, None if that is empty.

    It is a run (a name below the folder of runs, or a folder), whose newest checkpoint counts, or a checkpoint. Raises
    `ConstantError` if there is none, or if it is of another network.
    """
    if not config.start_from:
        return None
    found = None
    for folder in (expanded(config.start_from), expanded(config.runs_dir) / config.start_from):
        found = found or checkpoint.at(folder) or next(checkpoint.whole(folder / CHECKPOINTS), None)
    if found is None:
        raise ConstantError({"start_from": f"{config.start_from} is neither a run with a checkpoint nor a checkpoint"})
    theirs = found.state.origin.config
    for name in ("model", "width"):
        ours = getattr(config, name)
        if theirs.get(name, ours) != ours:
            raise ConstantError({name: f"the weights to start from have {name} {theirs[name]}, not {ours}"})
    return found


def named(found: Checkpoint) -> tuple[str, int]:
    """Return the name of the run that a checkpoint is of, and how many iterations were done."""
    return clean(found.state.origin.config.get("name", "")), found.state.position.iteration


def copy(found: Checkpoint, folder: Path) -> None:
    """Copy a checkpoint into the folder of a run that begins with it. Raises `OSError`."""
    _place(found, folder / ORIGIN, linked=False)


def read(folder: Path) -> Checkpoint | None:
    """Return what `copy` copied into the folder of a run, None if it was nothing. Raises `RunFolderError`."""
    if not (folder / ORIGIN).is_dir():
        return None
    found = next(checkpoint.whole(folder / ORIGIN), None)
    if found is None:
        raise RunFolderError(f"{folder / ORIGIN} is damaged: the weights that this run began with cannot be read.")
    return found


def hold(run: Path) -> Checkpoint:
    """Keep the newest checkpoint of a run for a branch, however long the run goes on. Return where it is kept.

    Raises `RunFolderError` if there is none.
    """
    found = next(checkpoint.whole(run / CHECKPOINTS), None)
    if found is None:
        raise RunFolderError(f"{run.name} has no checkpoint to branch from yet.")
    try:
        placed = _place(found, run / BRANCHES, linked=True)
        for old in sorted((run / BRANCHES).glob("iteration-*"))[:-_HELD]:
            shutil.rmtree(old, ignore_errors=True)
    except OSError as error:
        raise RunFolderError(f"The checkpoint of {run.name} cannot be kept: {error.strerror}.") from None
    return Checkpoint(placed, found.state)


def _place(found: Checkpoint, below: Path, *, linked: bool) -> Path:
    """Copy a checkpoint, or link its files where the disk can, and return the copy. Raises `OSError`."""

    def put(source: str, target: str) -> None:
        try:
            os.link(source, target, follow_symlinks=False)
        except OSError:
            shutil.copyfile(source, target)

    final = below / found.path.name
    if final.exists():
        return final
    below.mkdir(exist_ok=True)
    making = below / f".{found.path.name}.{os.getpid()}"
    try:
        shutil.rmtree(making, ignore_errors=True)
        shutil.copytree(found.path, making, copy_function=put if linked else shutil.copyfile)
        making.rename(final)
    except BaseException:
        shutil.rmtree(making, ignore_errors=True)
        raise
    return final
