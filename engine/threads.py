"""How many processor threads are fastest here and now: measured, not guessed."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable

import torch
from torch import nn

from engine.device import most_threads

_WARM_UP_STEPS = 3
_MEASURED_STEPS = 7


def set_threads(wanted: int, model: nn.Module, batch_size: int) -> None:
    """Let torch compute with `wanted` threads in this thread, at most `most_threads()`; 0 takes the fastest count.

    What is measured are training steps of a copy of `model` on made-up images; the model and every random generator
    are left as they were.
    """
    if wanted:
        torch.set_num_threads(min(wanted, most_threads()))
        return
    with torch.random.fork_rng(devices=[]):
        torch.set_num_threads(fastest(_candidates(most_threads()), _step(copy.deepcopy(model), batch_size)))


def fastest(counts: tuple[int, ...], step: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> int:
    """The thread count of `counts` whose median step took least; a larger one must win clearly, by 3 %."""
    best, best_time = counts[0], float("inf")
    for count in counts:
        torch.set_num_threads(count)
        for _ in range(_WARM_UP_STEPS):
            step()
        times = []
        for _ in range(_MEASURED_STEPS):
            began = clock()
            step()
            times.append(clock() - began)
        median = sorted(times)[_MEASURED_STEPS // 2]
        if median < 0.97 * best_time:
            best, best_time = count, median
    return best


def _candidates(most: int) -> tuple[int, ...]:
    """1, 2, 4 … and `most` itself, as far as 32: beyond that a network of this size only waits for its threads."""
    doubled = [2**i for i in range(6) if 2**i < most]
    return tuple(doubled) if most > 32 else (*doubled, most)


def _step(model: nn.Module, batch_size: int) -> Callable[[], None]:
    optimizer = torch.optim.Adam(model.parameters())
    criterion = nn.CrossEntropyLoss()
    size = min(batch_size, 256)  # enough to tell the counts apart, and quick for a batch of the whole set
    images = torch.zeros(size, 3, 32, 32)
    labels = torch.zeros(size, dtype=torch.int64)

    def step() -> None:
        optimizer.zero_grad()
        criterion(model(images), labels).backward()
        optimizer.step()

    return step
