"""Trainings that the acceptance compares: as a user starts them, with what is recorded and reported."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from engine import models
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.record.events import EpochStarted, RunStarted
from engine.record.record import RunRecord
from engine.training.trainer import train
from tests.images import made_up_images
from tests.told import Told

DEVICE = os.environ.get("CIFAR_TUI_GPU_TESTS_ON", "cuda")
"""The GPU that is tested. `cpu` tries out the tests themselves, with fewer images."""
IS_GPU = DEVICE != "cpu"

networks = pytest.mark.parametrize("name", models.names() if IS_GPU else ["cnn"])

Say = Callable[[str, object], None]
"""pytest's `record_property`: notes a figure by its name, for the table at the end."""


@cache
def images(iterations: int) -> ImageSet:
    """Made-up images for so many iterations an epoch with batches of 32, the last of them smaller."""
    return made_up_images(iterations * 32 - 16, 500, noisy=0.3)


@dataclass(frozen=True)
class Result:
    """What a training left."""

    record: RunRecord
    losses: NDArray[np.float32]
    notices: tuple[str, ...]
    ready: float
    """Seconds from the start of the run to its first iteration, in which steps are recorded."""
    iteration: float
    """Seconds an iteration, the waits for the GPU included."""


def trained(images: ImageSet, log: Told | None = None, control: Control | None = None, **constants: object) -> Result:
    """Train on `images` with `constants` on the GPU, unless they name another device."""
    values = {"device": DEVICE, "epochs": 1, "evaluate_each_epoch": False, "threads": 0 if IS_GPU else 1, **constants}
    log = log or Told()
    train(TrainingConfig.checked(values), images, log, control or Control())
    record = RunRecord(log)
    record.catch_up()
    started, first = (
        next(event.seconds for event in log.events if isinstance(event, kind)) for kind in (RunStarted, EpochStarted)
    )
    losses = log.loss_buffer.values().copy()
    seconds = record.closing.train_seconds if record.closing else 0.0
    return Result(record, losses, tuple(record.notices), first - started, seconds / max(1, len(losses)))


def apart(some: NDArray[np.float32], others: NDArray[np.float32]) -> float:
    """Return the largest difference of two losses of the same iteration."""
    assert some.shape == others.shape
    return float(np.abs(some - others).max())


def not_recorded(*arguments: object, **keywords: object) -> None:
    """In the place of `GraphedSteps`: a GPU that cannot record, so that each operation is sent on its own."""
    raise RuntimeError("not recorded in this test")


def free_bytes() -> int:
    """Return the free memory of the GPU."""
    return torch.cuda.mem_get_info()[0] if IS_GPU else 0
