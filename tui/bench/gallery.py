"""What the gallery costs: to open, to turn a page, and down the link."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from rich.console import Console
from textual.screen import Screen
from textual.strip import Strip

from engine.bench.claims import Claim
from engine.record.record import RunRecord
from engine.storage.tail import read
from engine.use.images import images
from tui.app import CifarApp
from tui.look.pictures import pictures, reduced
from tui.screens.exhibit import kept
from tui.screens.gallery import GalleryScreen
from tui.widgets.picture_grid import SMALL, PictureGrid

_OPENINGS, _PAGES = 6, 30

_PICTURES = 1_000
"""Of so many images the bytes are counted."""


class _Empty(CifarApp):
    def first_screen(self) -> Screen[None]:
        return Screen()


def opened(run: Path, size: tuple[int, int], say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Claims about the gallery of the newest evaluation of the ended run in the folder `run`, on a screen of `size`."""
    record = read(run)
    say("opening the gallery")
    openings, pages, count, shown = asyncio.run(_used(record, run, size))
    say("pictures as text")
    sizes = _bytes(record, run)
    return (
        Claim(
            f"opening the gallery over {count:,} images",
            "ms",
            tuple(openings),
            "at most 150",
            median(openings) <= 150,
        ),
        Claim(f"processor time of a page of {shown} pictures", "ms", tuple(pages), "at most 50", median(pages) <= 50),
        Claim("a picture of 16×8 cells as text", "kB", tuple(sizes), "each at most 5", max(sizes) <= 5),
    )


async def _used(record: RunRecord, run: Path, size: tuple[int, int]) -> tuple[list[float], list[float], int, int]:
    """Return milliseconds to open and to turn a page, the number of images, and the pictures of a page."""
    app = _Empty({}, colours="true")
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        openings: list[float] = []
        for turn in range(_OPENINGS):
            screen = GalleryScreen(record, run, kept(record)[-1])
            began = time.perf_counter()
            await app.push_screen(screen)
            while screen.exhibit is None or (screen.exhibit.images is None and not screen.problem):
                await asyncio.sleep(0.001)
            painted = asyncio.Event()
            screen.call_after_refresh(painted.set)
            await painted.wait()
            openings.append(1000 * (time.perf_counter() - began))
            await pilot.pause()
            if turn < _OPENINGS - 1:
                app.pop_screen()
                await pilot.pause()
        grid, pages = screen.query_one(PictureGrid), []
        for turn in range(_PAGES):
            began = time.thread_time()
            await pilot.pause()
            rested = time.thread_time()
            grid.action_page(-1 if turn * 2 >= _PAGES else 1)
            await pilot.pause()
            pages.append(1000 * (time.thread_time() - rested - (rested - began)))
        assert screen.exhibit is not None
        return openings[1:], pages, len(screen.exhibit.classified), grid.places.per_page


def _bytes(record: RunRecord, run: Path) -> list[float]:
    """Return the kB of each of some pictures in true colour, as they are sent to a terminal."""
    console = Console(color_system="truecolor", force_terminal=True, _environ={})
    some = images(run, record, record.evaluations[-1].split).images[:_PICTURES]
    drawn = pictures(reduced(some, SMALL), "true", dark=True)
    return [sum(len(Strip(row).render(console).encode()) for row in picture) / 1000 for picture in drawn]
