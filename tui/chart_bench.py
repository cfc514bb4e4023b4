"""What a frame of the loss chart costs, however long the run."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import median

import numpy as np
from textual.app import App, ComposeResult

from engine.bench.contest import Claim
from tui.widgets.loss_chart import LossChart

LENGTHS = (6_000, 600_000, 6_000_000)
_FRAMES = 60
_SHARE = 400
"""Each frame brings so small a part of the run: a column of the picture in three frames, however long the run is."""


class _Chart(App[None]):
    def compose(self) -> ComposeResult:
        yield LossChart()


def frames(size: tuple[int, int], say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Measure frames of runs as long as `LENGTHS` on a screen of `size`, columns and rows.

    A frame is all that the thread of the screen computes from new losses to what would be sent to the terminal.
    """
    costs = []
    for length in LENGTHS:
        say(f"frames of the chart at {length:,} iterations")
        costs.append(asyncio.run(_frames(length, size)))
    medians = [median(cost) for cost in costs]
    apart = 100 * (max(medians) / min(medians) - 1)
    return (
        *(
            Claim(f"a frame of the chart at {length:,} iterations", "ms", tuple(cost), "at most 8", median(cost) <= 8)
            for length, cost in zip(LENGTHS, costs, strict=True)
        ),
        Claim("how far the dearest of these is above the cheapest", "%", (apart,), "at most 20", apart <= 20),
    )


async def _frames(length: int, size: tuple[int, int]) -> list[float]:
    """Milliseconds of each of `_FRAMES` frames around the middle of a run of `length` iterations."""
    random = np.random.default_rng(0)
    losses = (0.7 + 1.6 * np.exp(-np.linspace(0, 5, length)) + random.normal(0, 0.15, length)).astype(np.float32)
    app, costs = _Chart(), []
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(LossChart)
        chart.start(length, length // 4)
        chart.show(losses[: length // 2], ())
        for frame in range(_FRAMES):
            await pilot.pause()
            began = time.thread_time()
            await pilot.pause()
            at_rest = time.thread_time()
            chart.show(losses[: length // 2 + (frame + 1) * length // _SHARE], ())
            await pilot.pause()
            painted = time.thread_time()
            costs.append(1000 * ((painted - at_rest) - (at_rest - began)))  # without what the loop does anyway
    return costs
