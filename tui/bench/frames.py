"""The cost of a frame of the loss chart, in runs of different lengths."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from statistics import mean, median

import numpy as np
from textual.app import App, ComposeResult

from engine.bench.claims import Claim
from engine.charts.windows import Window
from tui.charts.kinds.loss import LossChart

RECORDED = (6_000, 600_000, 6_000_000)
"""Iterations recorded of a long run, which is shown as a whole."""
SHORT = 6_000
"""Iterations of a short run, whose curve grows by several columns with each frame."""

_NEW = 150
"""Iterations from one frame to the next: half a second of a fast processor."""
_ROUNDS, _FRAMES = 8, 20


class _Chart(App[None]):
    def compose(self) -> ComposeResult:
        yield LossChart()


def frames(size: tuple[int, int], say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Measure frames on a screen of `size`, columns and rows.

    A frame is all that the screen's thread computes, from new losses to the text that would be sent to the terminal.
    """
    whole = max(RECORDED) + 2 * _FRAMES * _NEW
    cases = {f"a frame of the chart, {recorded:,} iterations recorded": (recorded, whole) for recorded in RECORDED}
    cases["a frame of the chart of a run of 6,000 iterations"] = (SHORT - _FRAMES * _NEW, SHORT)
    costs: dict[str, list[float]] = {what: [] for what in cases}
    for turn in range(_ROUNDS):  # in turns, because the machine's speed changes from second to second
        for what, (recorded, iterations) in cases.items():
            say(f"{what}, {turn + 1} of {_ROUNDS}")
            costs[what] += asyncio.run(_frames(recorded, iterations, size))
    medians = [median(cost) for cost in costs.values()][: len(RECORDED)]
    farthest = 100 * max(abs(cost / mean(medians) - 1) for cost in medians)
    return (
        *(Claim(what, "ms", tuple(cost), "at most 8", median(cost) <= 8) for what, cost in costs.items()),
        Claim(
            "how far the farthest of the first three is from their mean",
            "%",
            (farthest,),
            "at most 20",
            farthest <= 20,
        ),
    )


async def _frames(recorded: int, iterations: int, size: tuple[int, int]) -> list[float]:
    """Milliseconds of each of `_FRAMES` frames of a run of `iterations` that has `recorded` behind it."""
    random = np.random.default_rng(0)
    count = recorded + _FRAMES * _NEW
    losses = (0.7 + 1.6 * np.exp(-np.linspace(0, 5, count)) + random.normal(0, 0.15, count)).astype(np.float32)
    app, at_rest, with_news = _Chart(), [], []
    async with app.run_test(size=size) as pilot:
        chart = app.query_one(LossChart)
        chart.start(iterations, iterations // 4)
        chart.show(losses[:recorded], ())
        while chart.curve.window is not Window.WHOLE:
            chart.next_window()
        await pilot.pause()
        for shown in range(recorded + _NEW, count + 1, _NEW):
            began = time.thread_time()
            await pilot.pause()
            rested = time.thread_time()
            chart.show(losses[:shown], ())
            await pilot.pause()
            painted = time.thread_time()
            at_rest.append(rested - began)
            with_news.append(painted - rested)
    # Without what the event loop costs at rest.
    return [1000 * (frame - median(at_rest)) for frame in with_news]
