"""Make the pictures in this folder from the real app on a real run.

    python screenshots/take.py FOLDER [--speedrun RUN]

FOLDER holds train/<class>/ and test/<class>/ images. The run has the notebook's constants and takes about a minute on
two cores. RUN is the folder of a finished run of the preset speedrun, which takes longer.
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

from engine.config import preset_named
from tui.app import CifarApp
from tui.screens.results import ResultsScreen
from tui.screens.runs import RunsScreen
from tui.screens.training import TrainingScreen

HERE = Path(__file__).parent.resolve()
WIDE, NARROW = (120, 40), (80, 24)


async def until(reached: Callable[[], bool]) -> None:
    """Let the app run until `reached` returns True."""
    while not reached():
        await asyncio.sleep(0.05)


async def photograph(pilot: Pilot[None], name: str, size: tuple[int, int] = WIDE) -> None:
    """Save the screen of the app at `size` as `name`.svg."""
    await pilot.resize_terminal(*size)
    await asyncio.sleep(1.0)
    pilot.app.save_screenshot(f"{name}.svg", path=str(HERE))
    await pilot.resize_terminal(*WIDE)
    print(HERE / f"{name}.svg")


def trained(app: CifarApp) -> int:
    """Return how many iterations the run has done."""
    return len(app.training.log.loss_buffer) if app.training is not None else 0


async def take(images: Path) -> None:
    """Use the app from the form to the results, and take the pictures."""
    app = CifarApp({"data": str(images), "name": "brisk-heron"})
    async with app.run_test(size=WIDE) as pilot:
        await until(
            lambda: bool(app.screen.query("#status")) and app.screen.query_one("#status", Static).content == "ready"
        )
        await photograph(pilot, "setup")
        await photograph(pilot, "setup-80x24", NARROW)
        await pilot.press("ctrl+r")
        await until(lambda: trained(app) > 3_200)
        await pilot.press("l")
        await photograph(pilot, "training-log")
        await pilot.press("l")
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
        await pilot.press("enter")
        await photograph(pilot, "class-details")
        await pilot.press("escape", "n", "ctrl+o")
        await until(lambda: isinstance(app.screen, RunsScreen))
        await photograph(pilot, "runs")


async def take_speedrun(images: Path, run: Path) -> None:
    """Choose the preset speedrun in the form, and take pictures of that and of the results of `run`."""
    app = CifarApp({"data": str(images), **dict(preset_named("speedrun").values)})
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: bool(app.screen.query("PreflightPanel")) and "on this machine" in drawn(app))
        await photograph(pilot, "speedrun-setup")
    app = CifarApp({}, watch=run)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: isinstance(app.screen, ResultsScreen))
        await photograph(pilot, "speedrun-results")
        await photograph(pilot, "speedrun-results-80x24", NARROW)


def drawn(app: CifarApp) -> str:
    """Return the text on the screen."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


def main() -> None:
    """Read the command line, and work in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--speedrun", type=Path)
    arguments = parser.parse_args()
    images, speedrun = arguments.folder.resolve(), arguments.speedrun
    runs = speedrun.resolve().parent if speedrun else None
    with tempfile.TemporaryDirectory() as place:
        os.chdir(place)
        Path("cifar10-images").symlink_to(images)
        if runs is not None:
            Path("finished").symlink_to(runs)
            asyncio.run(take_speedrun(Path("cifar10-images"), Path("finished") / speedrun.name))
        asyncio.run(take(Path("cifar10-images")))


if __name__ == "__main__":
    main()
