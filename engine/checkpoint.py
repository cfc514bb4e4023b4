"""The state of a run between two iterations, on disk: safetensors for the tensors, JSON for the rest, no pickle.

A checkpoint is a folder `iteration-<n>`. It is written under a temporary name and renamed when whole, so whatever bears
the final name is complete.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor, nn


@dataclass(frozen=True)
class Position:
    """How far a run has come."""

    epoch: int
    """From 1; the epoch that was trained last."""
    iteration: int
    """Iterations done."""


Save = Callable[[nn.Module, dict[str, Tensor], Position], None]
"""Keeps a network, what its optimizer remembers, and how far the run has come."""

KEPT = 2
"""Checkpoints that stay; an older one goes when a newer one is whole."""


def write(folder: Path, model: nn.Module, optimizer: dict[str, Tensor], position: Position) -> Path:
    """Write a checkpoint below `folder` and remove all but the newest two. Raises `OSError` and `RuntimeError`."""
    folder.mkdir(exist_ok=True)
    final = folder / f"iteration-{position.iteration:09d}"
    if final.exists():
        return final
    temporary = folder / f".{final.name}.{os.getpid()}"
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    try:
        save_file(_named_tensors(model.state_dict()), temporary / "model.safetensors")
        save_file(_named_tensors(optimizer), temporary / "optimizer.safetensors")
        (temporary / "state.json").write_text(
            json.dumps({"schema_version": 1, **asdict(position), "random_state": torch.get_rng_state().tolist()})
        )
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    for old in sorted(folder.glob("iteration-*"))[:-KEPT]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def _named_tensors(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}
