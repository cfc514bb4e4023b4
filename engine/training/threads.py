"""How many processor threads are fastest here and now: measured, not guessed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from functools import partial

import torch
from torch import nn

from engine.data.imageset import IMAGE_SIZE
from engine.hardware.processors import most_threads
from engine.recipe.adam import Adam, flatten
from engine.training.steps.eager import step

_SECONDS = 0.8
_FEWEST_STEPS, _MOST_STEPS = 2, 15


def set_threads(wanted: int, model: nn.Module, batch_size: int) -> None:
    """Let torch compute with `wanted` threads in this thread, at most `most_threads()`; 0 takes the fastest count.

    What is measured are training steps of a copy of `model` on made-up images; the model and every random generator
    are left as they were.
    """
    if wanted:
        torch.set_num_threads(min(wanted, most_threads()))
        return
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(fastest(_candidates(most_threads()), _steps(copy.deepcopy(model), batch_size)))


def fastest(counts: tuple[int, ...], step: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> int:
    """The thread count of `counts` whose median step took least; a larger one must win clearly, by 3 %.

    Takes about `_SECONDS`, or three steps for each count where those take longer.
    """
    best, best_time = counts[0], float("inf")
    for count in counts:
        torch.set_num_threads(count)
        until = clock() + _SECONDS / len(counts)
        step()  # makes ready what this count needs
        times: list[float] = []
        while len(times) < _FEWEST_STEPS or (len(times) < _MOST_STEPS and clock() < until):
            began = clock()
            step()
            times.append(clock() - began)
        median = sorted(times)[len(times) // 2]
        if median < 0.97 * best_time:
            best, best_time = count, median
    return best


def _candidates(most: int) -> tuple[int, ...]:
    """1, 2, 4 … and `most` itself, as far as 32: beyond that a network of this size only waits for its threads."""
    doubled = [2**i for i in range(6) if 2**i < most]
    return tuple(doubled) if most > 32 else (*doubled, most)


def _steps(model: nn.Module, batch_size: int) -> Callable[[], object]:
    """What does one training step of `model` on made-up images."""
    size = min(batch_size, 256)  # enough to tell the counts apart, and quick for a batch of the whole set
    inputs, labels = torch.rand(size, 3, IMAGE_SIZE, IMAGE_SIZE), torch.zeros(size, dtype=torch.int64)
    optimizer = Adam(flatten(model), learning_rate=0.001)
    model.train()
    return partial(step, model, nn.CrossEntropyLoss(), optimizer, inputs, labels, "float32")
