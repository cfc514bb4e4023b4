"""Quick runs on a few images, half of whose labels are wrong: accuracies go up and down."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

from engine import data
from engine.config import TrainingConfig
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.training.predict import predict
from engine.training.resident import ResidentImages
from tests.images import made_up_images

CPU = torch.device("cpu")
QUICK = TrainingConfig(epochs=4, batch_size=32, device="cpu", threads=1, learning_rate=0.003)
IMAGES = made_up_images(160, 60, noisy=0.5)
"""Five iterations an epoch."""


def in_folder(folder: Path, patch: pytest.MonkeyPatch) -> TrainingConfig:
    """The constants of a quick run below `folder`, with images from memory."""
    patch.setattr(data, "load", lambda source, data_dir, progress: IMAGES)
    return QUICK.replaced(data="demo", data_dir=folder, runs_dir=folder / "runs", name="first")


def recorded(log: RunLog) -> RunRecord:
    record = RunRecord(log)
    record.catch_up()
    return record


def accuracy(model: nn.Module, *, views: int = 1) -> float:
    """Percent of the test images that `model` recognises."""
    found = predict(model, ResidentImages(IMAGES.test, CPU), "float32", views=views)
    assert found is not None
    return 100 * float((found.classes == IMAGES.test.labels).mean())
