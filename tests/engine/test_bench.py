"""The contest with the notebook: fair, and honest about what it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.bench import contestant
from engine.bench.contest import Contest, contest
from engine.config import TrainingConfig
from engine.errors import EngineError
from tests.images import made_up_images, save_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of 180 training and 40 test images in two classes."""
    return save_folder(tmp_path / "images", made_up_images(180, 40, classes=2))


def held(folder: Path, told: list[str] | None = None, **constants: object) -> Contest:
    values = {"data": str(folder), "data_dir": folder.parent / "data", "device": "cpu", "threads": 1, **constants}
    config = TrainingConfig.checked(values)
    return contest(config, stand_in=False, say=(told if told is not None else []).append)


def test_a_whole_contest(folder: Path) -> None:
    """Both train one epoch with the same constants and losses, and put the test images into the same classes."""
    told: list[str] = []
    result = held(folder, told, batch_size=4)
    training, evaluation, losses, accuracies, same = result.claims
    assert result.threads == 1
    assert "180 training and 40 test images" in result.images
    assert len(training.measured) == 1
    assert len(evaluation.measured) == 3
    assert min(*training.measured, *evaluation.measured, result.iterations_per_second) > 0
    assert losses.measured == (0.0,)
    assert accuracies.measured == (0.0,)
    assert same.measured == (100.0,)
    assert losses.holds
    assert accuracies.holds
    assert "training, 45 of 45 iterations of each" in told


def test_a_difference_is_found(folder: Path) -> None:
    """An engine that computes something else than the notebook does not pass for the same, on few images too."""
    claims = held(folder, precision="bfloat16", learning_rate=0.1).claims
    assert not next(claim for claim in claims if "difference of a loss" in claim.what).holds


def test_a_contestant_that_fails(tmp_path: Path) -> None:
    """When a measurement cannot start, the reason is one sentence."""
    with pytest.raises(EngineError, match="failed"):
        held(tmp_path / "gone")


def test_stand_in_has_the_shape_of_cifar10(tmp_path: Path) -> None:
    """A machine without CIFAR-10 measures on as many images of the same size."""
    images = contestant.stand_in(tmp_path)
    assert images.train.images.shape == (50_000, 32, 32, 3)
    assert images.test.images.shape == (10_000, 32, 32, 3)
    assert len(np.unique(images.train.labels)) == len(images.classes) == 10
