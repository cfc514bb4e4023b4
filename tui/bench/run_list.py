"""What the list of runs costs: to open with a thousand runs, and to move in."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from statistics import median

from textual.screen import Screen

from engine.bench.claims import Claim
from engine.storage.layout import JOURNAL, LOSSES
from engine.storage.listing import Listing
from tui.app import CifarApp
from tui.screens.runs import LOOK_SECONDS, RunsScreen
from tui.widgets.run_table import RunTable

RUNS = 1_000

_OPENINGS, _KEYS = 5, 40


class _Empty(CifarApp):
    def first_screen(self) -> Screen[None]:
        return Screen()


def listed(
    run: Path, folder: Path, size: tuple[int, int], say: Callable[[str], None], runs: int = RUNS
) -> tuple[Claim, ...]:
    """Claims about the list of so many runs on a screen of `size`. They are copies of `run`, made below `folder`."""
    say(f"making {runs:,} runs")
    for number in range(runs):
        _copy(run, folder / f"run-{number:04}")
    say("opening the list of runs")
    first, openings, keys = asyncio.run(_used(folder, size))
    what = f"opening the list of {runs:,} runs"
    return (
        Claim(f"{what} that were never read", "ms", (first,), "at most 500", first <= 500),
        Claim(what, "ms", tuple(openings), "at most 500", median(openings) <= 500),
        Claim("a key in that list", "ms", tuple(keys), "at most 100", median(keys) <= 100),
    )


def _copy(run: Path, to: Path) -> None:
    """Copy what the list reads of a run. The losses are a hole of their length, and the journal an hour old."""
    to.mkdir(parents=True)
    (to / JOURNAL).write_bytes((run / JOURNAL).read_bytes())
    with (to / LOSSES).open("wb") as losses:
        losses.truncate((run / LOSSES).stat().st_size)
    an_hour_ago = time.time() - 3600
    os.utime(to / JOURNAL, (an_hour_ago, an_hour_ago))


async def _used(folder: Path, size: tuple[int, int]) -> tuple[float, list[float], list[float]]:
    """Return the milliseconds of the first opening, of others, and from a key to the screen that shows it."""
    app = _Empty({})
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        openings: list[float] = []
        for _ in range(_OPENINGS + 1):
            began = time.perf_counter()
            screen = RunsScreen(folder, partial(Listing(folder).look, LOOK_SECONDS))
            await app.push_screen(screen)
            table = screen.query_one(RunTable)
            while table.key is None:
                await asyncio.sleep(0.005)
            await _painted(screen)
            openings.append(1000 * (time.perf_counter() - began))
            while table.row_count < len(list(folder.glob("run-*"))):  # all of them are read and in the index
                await asyncio.sleep(0.05)
            keys = [await _moved(screen, table) for _ in range(_KEYS)]
            await app.pop_screen()
    return openings[0], openings[1:], keys


async def _moved(screen: RunsScreen, table: RunTable) -> float:
    began = time.perf_counter()
    table.action_step(1)
    await _painted(screen)
    return 1000 * (time.perf_counter() - began)


async def _painted(screen: RunsScreen) -> None:
    painted = asyncio.Event()
    screen.call_after_refresh(painted.set)
    await painted.wait()
