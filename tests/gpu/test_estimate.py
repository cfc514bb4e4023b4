"""The time of a run on a GPU, measured beforehand by a process of its own."""

from __future__ import annotations

from typing import Any

import pytest

from engine.config import TrainingConfig
from engine.data.found import Found
from engine.estimate import Estimator
from tests.gpu.training import DEVICE, IS_GPU, Say, images, trained

ITERATIONS = 512 if IS_GPU else 8


@pytest.mark.parametrize("batch_size", [32, 2000])
def test_an_iteration_takes_what_was_measured(batch_size: int, record_property: Say) -> None:
    """A process measures recorded steps on the GPU; the figures stand beside those of a run."""
    there = images(ITERATIONS)
    constants: dict[str, Any] = {"augmentation": "flip-shift", "average": 0.99, "test_views": 6}
    constants["batch_size"] = batch_size
    config = TrainingConfig.checked({"device": DEVICE, "threads": 0 if IS_GPU else 1, **constants})
    counts = (len(there.train), *[0] * (len(there.classes) - 1))
    figures = Estimator().measure(config, Found(True, "", there.classes, counts, len(there.test)))()
    assert figures is not None
    result = trained(there, epochs=4, **constants)
    size = min(batch_size, len(there.train))
    estimate = figures.image * size + figures.step
    record_property(f"cnn in batches of {batch_size}, estimate: µs an iteration", round(1e6 * estimate, 1))
    record_property(f"cnn in batches of {batch_size}, a run: µs an iteration", round(1e6 * result.iteration, 1))
    record_property(f"cnn in batches of {batch_size}, estimate: s until the first", round(figures.preparing, 3))
