"""Make the pictures in this folder: the real app on a real run, photographed as it goes.

    python screenshots/take.py FOLDER

FOLDER holds train/<class>/ and test/<class>/ images. The run has the notebook's constants and takes about a minute on
two cores.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

from textual.pilot import Pilot
from textual.widgets import Static

from tui.app import CifarApp
from tui.screens.results import ResultsScreen
from tui.screens.training import TrainingScreen

HERE = Path(__file__).parent.resolve()
WIDE, NARROW = (120, 40), (80, 24)


async def until(reached: Callable[[], bool]) -> None:
    """Let the app go on until something has happened."""
    while not reached():
        await asyncio.sleep(0.05)


async def photograph(pilot: Pilot[None], name: str, size: tuple[int, int] = WIDE) -> None:
    """Save what the app shows at `size` as `name`.svg."""
    await pilot.resize_terminal(*size)
    await asyncio.sleep(1.0)
    pilot.app.save_screenshot(f"{name}.svg", path=str(HERE))
    await pilot.resize_terminal(*WIDE)
    print(HERE / f"{name}.svg")


def trained(app: CifarApp) -> int:
    """Iterations that the run has done."""
    return len(app.training.log.loss_buffer) if app.training is not None else 0


async def take(images: Path) -> None:
    """Go through the app from the form to the results."""
    app = CifarApp({"data": str(images), "name": "brisk-heron"})
    async with app.run_test(size=WIDE) as pilot:
        await until(
            lambda: bool(app.screen.query("#status")) and app.screen.query_one("#status", Static).content == "ready"
        )
        await photograph(pilot, "setup")
        await photograph(pilot, "setup-80x24", NARROW)
        await pilot.press("ctrl+r")
        await until(lambda: trained(app) > 3_900)
        assert isinstance(app.screen, TrainingScreen)
        await photograph(pilot, "training")
        await photograph(pilot, "training-80x24", NARROW)
        await pilot.press("ctrl+t")
        await photograph(pilot, "training-light")
        await pilot.press("ctrl+t")
        await until(lambda: isinstance(app.screen, ResultsScreen))
        await photograph(pilot, "results")
        await photograph(pilot, "results-80x24", NARROW)


def main() -> None:
    """Read the command line, and work in a folder that is gone afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    images = parser.parse_args().folder.resolve()
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        Path("cifar10-images").symlink_to(images)
        asyncio.run(take(Path("cifar10-images")))


if __name__ == "__main__":
    main()
