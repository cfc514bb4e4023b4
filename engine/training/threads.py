"""How many processor threads are fastest on this machine now. It is measured."""

from __future__ import annotations

import time
from collections.abc import Callable
from functools import partial

import torch
from torch import Tensor, nn

from engine.data.imageset import IMAGE_SIZE
from engine.hardware.processors import fast_processors, most_threads
from engine.recipe.recipe import Recipe
from engine.training.trial import undone

_SECONDS = 0.8
_FEWEST_STEPS, _MOST_STEPS = 2, 15


def set_threads(
    wanted: int,
    step: Callable[[Tensor, Tensor], object],
    model: nn.Module,
    recipe: Recipe,
    batch_size: int,
    layout: torch.memory_format = torch.contiguous_format,
    processes: int = 1,
) -> None:
    """Let torch use `wanted` threads in this thread, at most `most_threads(processes)`; 0 takes the fastest count.

    To measure, `step` trains `model` on made-up images in `layout`. Then the model, the recipe and the random
    generator are put back.
    """
    most = most_threads(processes)
    if wanted:
        torch.set_num_threads(min(wanted, most))
        return
    with undone(model, recipe):
        size = min(batch_size, 256)  # enough to tell the counts apart, and quick for very large batches
        inputs = torch.rand(size, 3, IMAGE_SIZE, IMAGE_SIZE).contiguous(memory_format=layout)
        labels = torch.zeros(size, dtype=torch.int64)
        model.train()
        torch.set_num_threads(fastest(_candidates(most, fast_processors()), partial(step, inputs, labels)))


def fastest(counts: tuple[int, ...], step: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> int:
    """Return the thread count with the shortest median step. A larger count must be at least 3 % faster.

    Takes about `_SECONDS`, or three steps for each count if those take longer.
    """
    best, best_time = counts[0], float("inf")
    for count in counts:
        torch.set_num_threads(count)
        until = clock() + _SECONDS / len(counts)
        step()  # warms up
        times: list[float] = []
        while len(times) < _FEWEST_STEPS or (len(times) < _MOST_STEPS and clock() < until):
            began = clock()
            step()
            times.append(clock() - began)
        median = sorted(times)[len(times) // 2]
        if median < 0.97 * best_time:
            best, best_time = count, median
    return best


def _candidates(most: int, fast: int | None = None) -> tuple[int, ...]:
    """1, 2, 4 … and `most` itself, up to 32: with more, threads of such a small network only wait for each other.

    All `fast` processors are tried, too: threads on fast ones wait for those on slow ones.
    """
    counts = {2**i for i in range(6) if 2**i < most} | ({most} if most <= 32 else set())
    return tuple(sorted(counts | ({fast} if fast and fast < most else set())))
