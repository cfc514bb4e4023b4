"""The contest with the notebook: fair, and honest about what it finds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.bench import contestant
from engine.bench.contest import contest
from engine.config import TrainingConfig
from engine.errors import EngineError


def test_a_whole_contest(tmp_path: Path) -> None:
    """Both train one epoch on the same images with the same losses, and put the test images into the same classes."""
    told: list[str] = []
    config = TrainingConfig(data="demo", data_dir=tmp_path, device="cpu", threads=1, epochs=1)
    result = contest(config, stand_in=False, say=told.append)
    training, evaluation, losses, accuracies, same = result.claims
    assert result.threads == 1
    assert "demo" in result.images
    assert len(training.measured) > 0
    assert len(evaluation.measured) == 3
    assert min(*training.measured, *evaluation.measured, result.iterations_per_second) > 0
    assert losses.measured == (0.0,)
    assert accuracies.measured == (0.0,)
    assert same.measured == (100.0,)
    assert losses.holds
    assert accuracies.holds
    assert "training, 313 of 313 iterations of each" in told


def test_a_difference_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """An engine that computes something else than the notebook does not pass for the same."""
    config = TrainingConfig(data="demo", data_dir=tmp_path, device="cpu", threads=1, epochs=1, precision="bfloat16")
    claims = contest(config, stand_in=False, say=lambda text: None).claims
    assert not next(claim for claim in claims if "difference of a loss" in claim.what).holds


def test_a_contestant_that_breaks_off(tmp_path: Path) -> None:
    """When a measurement cannot start, the reason is one sentence."""
    config = TrainingConfig(data=str(tmp_path / "gone"), data_dir=tmp_path, device="cpu")
    with pytest.raises(EngineError, match="broke off"):
        contest(config, stand_in=False, say=lambda text: None)


def test_stand_in_has_the_shape_of_cifar10() -> None:
    """A machine without CIFAR-10 measures on as many images of the same size, the same ones each time."""
    images = contestant.stand_in()
    assert images.train.images.shape == (50_000, 32, 32, 3)
    assert images.test.images.shape == (10_000, 32, 32, 3)
    assert len(np.unique(images.train.labels)) == len(images.classes) == 10
    assert images.fingerprint == contestant.stand_in().fingerprint
