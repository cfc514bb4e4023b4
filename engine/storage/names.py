"""Names of new runs, and whether a new run can have its folder."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from engine.config import TrainingConfig
from engine.errors import ConstantError, RunFolderError
from engine.files import expanded
from engine.storage import lock

_ADJECTIVES = (
    "amber brisk calm clear deft eager fair fleet glad keen lucid mellow nimble plain quiet rapid sharp steady"
)
_BIRDS = (
    "avocet bunting crane curlew dunlin egret finch godwit heron ibis jay kestrel lark merlin osprey plover robin tern"
)


def new_name(runs_dir: Path) -> str:
    """Return a name that no run here has yet, such as `brisk-heron`."""
    adjectives, birds = _ADJECTIVES.split(), _BIRDS.split()
    for _ in range(100):
        name = f"{secrets.choice(adjectives)}-{secrets.choice(birds)}"
        if not (runs_dir / name).exists():
            return name
    return f"{name}-{secrets.token_hex(4)}"


def check_new(config: TrainingConfig) -> None:
    """Check that a new run of this config can have its folder. Writes nothing.

    Raises `ConstantError`, and `RunFolderError` if a process trains a run of this name.
    """
    runs_dir = expanded(config.runs_dir)
    folder = runs_dir / config.name
    if config.name and os.path.lexists(folder):
        if lock.is_live(folder):
            raise RunFolderError(lock.held(folder))
        raise ConstantError({"name": f"{folder} exists already; choose another name, or leave it empty for a new one"})
    existing = next(path for path in (runs_dir, *runs_dir.absolute().parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise ConstantError({"runs_dir": f"{existing} is not a folder; choose a folder for the runs"})
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConstantError({"runs_dir": f"{existing} cannot be written to; choose another folder for the runs"})
