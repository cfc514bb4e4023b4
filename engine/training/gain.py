"""What bfloat16 would gain on this processor, measured before a run."""

from __future__ import annotations

import time
from collections.abc import Callable

import torch

from engine import models
from engine.config import TrainingConfig
from engine.data.imageset import IMAGE_SIZE
from engine.hardware.memory import keep_freed_memory
from engine.hardware.processors import has_native_bfloat16, most_threads
from engine.training import alone
from engine.training.layout import layout
from engine.training.loop import learner

WORTH_IT = 1.05
"""Smaller gains are not offered: they are within the noise of a shared machine."""

_SECONDS = 0.7
_FEWEST_STEPS = 2
_MOST_IMAGES = 64
"""Larger batches take longer to measure, and gain as much."""
_CLASSES = 10
_CPU = torch.device("cpu")

_measured: dict[tuple[object, ...], float] = {}
"""The gains that were measured in this process, by network, batch size and threads."""


def bfloat16_gain(config: TrainingConfig) -> float | None:
    """Return how many times as fast bfloat16 trains as float32 does here, for the network and batch size of `config`.

    It is measured once, in about a second, and only for a config with float32 on a processor with instructions for
    bfloat16 while nothing trains in this process. None if it is not known. No random number is drawn.
    """
    threads = min(config.threads or most_threads(), most_threads())
    key = (config.model, config.width, min(config.batch_size, _MOST_IMAGES), threads)
    if key not in _measured and config.precision == "float32" and has_native_bfloat16():
        with alone.measuring() as is_free:
            if is_free:
                _measured[key] = measured(config.replaced(threads=threads))
    return _measured.get(key)


def measured(config: TrainingConfig, clock: Callable[[], float] = time.perf_counter) -> float:
    """Train on made-up images in both precisions, in turns, and return the ratio of their shortest steps."""
    keep_freed_memory()
    before = torch.get_num_threads()
    torch.set_num_threads(config.threads)
    try:
        with torch.random.fork_rng(devices=[]):
            steps = [_step(config.replaced(precision=precision)) for precision in ("float32", "bfloat16")]
            shortest = [float("inf")] * 2
            until, turns = clock() + _SECONDS, 0
            while turns < _FEWEST_STEPS or clock() < until:
                for number, step in enumerate(steps):
                    began = clock()
                    step()
                    shortest[number] = min(shortest[number], clock() - began)
                turns += 1
    finally:
        torch.set_num_threads(before)
    return shortest[0] / shortest[1]


def _step(config: TrainingConfig) -> Callable[[], object]:
    """Return a training step of a new network on one batch, as the run would do it."""
    model = models.build(config.model, _CLASSES, config.width).train()
    *_, step = learner(config, model, _CPU)
    size = min(config.batch_size, _MOST_IMAGES)
    inputs = torch.rand(size, 3, IMAGE_SIZE, IMAGE_SIZE).contiguous(memory_format=layout(config, _CPU))
    labels = torch.zeros(size, dtype=torch.int64)
    return lambda: step(inputs, labels)
