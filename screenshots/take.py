"""Make the pictures in this folder from the real app on a real run.

    python screenshots/take.py FOLDER [--speedrun RUN] [--compare RUNS] [--sweep SWEEP]

FOLDER holds train/<class>/ and test/<class>/ images. The run has the notebook's constants and takes about a minute on
two cores. RUN is the folder of a finished run of the preset speedrun, which takes longer: its record is replayed. RUNS
is a folder of runs that are compared, such as those of `train --seeds 5` with two learning rates, and SWEEP the folder
of a sweep.
"""

from __future__ import annotations

import argparse
import asyncio
import os
import shutil
import subprocess
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

from textual.pilot import Pilot
from textual.screen import Screen

from engine.config import preset_named
from engine.export.bundle import write_bundle
from engine.record.events import EpochTrained
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.runs.contract import RunView
from engine.storage import tail
from engine.storage.listing import holds_a_run
from engine.storage.tail import Tail
from engine.use.results import newest_kept
from tui.app import CifarApp
from tui.screens.compare import CompareScreen
from tui.screens.results import ResultsScreen
from tui.screens.runs import RunsScreen
from tui.screens.sweep import SweepScreen
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


async def take(images: Path) -> None:
    """Use the app from the form to the results, and take the pictures."""
    app = CifarApp({"data": str(images), "name": "brisk-heron"})
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: bool(app.screen.query("#status")) and "on this machine" in drawn(app))
        await photograph(pilot, "setup")
        await photograph(pilot, "setup-80x24", NARROW)
        await pilot.press("ctrl+r")
        await until(lambda: isinstance(app.screen, ResultsScreen))
        await photograph(pilot, "results")
        await photograph(pilot, "results-80x24", NARROW)
        await pilot.press("d")
        await photograph(pilot, "class-details")
        await pilot.press("escape", "h")
        await photograph(pilot, "history")
        await pilot.press("k")
        await photograph(pilot, "calibration")
        await take_gallery(app, pilot, "")
        await pilot.press("n", "ctrl+o")
        await until(lambda: isinstance(app.screen, RunsScreen))
        await photograph(pilot, "runs")
    await take_training(Path("runs") / "brisk-heron", "training", at=0.62)
    await take_report(Path("runs") / "brisk-heron")


async def take_gallery(app: CifarApp, pilot: Pilot[None], prefix: str) -> None:
    """Look at the worst mistakes, and at where the network looks in the first of them. Ends at the results."""
    await pilot.press("g")
    await until(lambda: bool(app.screen.query("PictureGrid")) and "→" in drawn(app))
    await photograph(pilot, f"{prefix}gallery")
    await photograph(pilot, f"{prefix}gallery-80x24", NARROW)
    await pilot.press("enter", "h")
    await until(lambda: "where it looks for" in drawn(app))
    await photograph(pilot, f"{prefix}image")
    await photograph(pilot, f"{prefix}image-80x24", NARROW)
    await pilot.press("escape", "escape")
    await until(lambda: isinstance(app.screen, ResultsScreen))


async def take_training(run: Path, name: str, at: float) -> None:
    """Show the finished run in the folder `run` as it was when this share of it was done."""
    replay = Replay(run)
    replay.go_on(at - 0.05)
    app = ReplayApp(replay)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: isinstance(app.screen, TrainingScreen) and bool(len(app.screen.record.losses)))
        await asyncio.sleep(1.0)
        replay.go_on(at)  # now there is a speed
        await photograph(pilot, name)
        await photograph(pilot, f"{name}-80x24", NARROW)
        await pilot.press("l")
        await photograph(pilot, f"{name}-log")
        await pilot.press("l", "ctrl+t")
        await photograph(pilot, f"{name}-light")


async def take_report(run: Path) -> None:
    """Export the page of a run, and take its picture with Chromium."""
    write_bundle(tail.read(run), Path("export"), run)
    browser = shutil.which("chromium")
    if browser is None:
        print("chromium is not installed, so there is no new report.png")
        return
    words = ["--headless", "--no-sandbox", "--hide-scrollbars", "--window-size=1000,2900"]
    to = HERE / "report.png"
    subprocess.run(
        [browser, *words, f"--screenshot={to}", Path("export/report.html").resolve().as_uri()],
        check=True,
        stderr=subprocess.DEVNULL,
    )
    print(to)


class Replay:
    """A finished run as it was before its end: what the training screen needs of a run."""

    is_local = True

    def __init__(self, folder: Path) -> None:
        self.folder, self.log = folder, RunLog()
        with Tail(folder) as read:
            read.catch_up()
        self._record = RunRecord(read.log)
        self._left = self._record.catch_up()
        self._now = 0.0

    def seconds(self) -> float:
        return self._now

    def go_on(self, share: float) -> None:
        """Go on to where this share of the run's iterations was done."""
        assert self._record.started is not None
        done = round(share * self._record.planned)
        while self._left and not (isinstance(self._left[0], EpochTrained) and self._left[0].iteration > done):
            event = self._left.pop(0)
            self._now = event.seconds
            self.log.event(event)
        after = self._left[0]
        assert isinstance(after, EpochTrained)
        batches = self._record.started.batches
        within = 1 - (after.iteration - done) / batches
        self._now += within * (after.seconds - self._now)
        self.log.losses(self._record.losses[len(self.log.loss_buffer) : done])


class ReplayApp(CifarApp):
    """The app that begins with the training screen of a replayed run."""

    def __init__(self, run: Replay) -> None:
        super().__init__({})
        self._run = run

    def first_screen(self) -> Screen[Any]:
        return TrainingScreen(cast(RunView, self._run))


async def take_speedrun(images: Path, run: Path) -> None:
    """Choose the preset speedrun in the form; show `run` shortly before its end, and its results."""
    app = CifarApp({"data": str(images)})
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: bool(app.screen.query("#status")) and "ready" in drawn(app))
        app.screen.query_one("StartBar Select").focus()
        await pilot.press("enter")
        await photograph(pilot, "presets-80x24", NARROW)
        await pilot.press("escape")
    app = CifarApp({"data": str(images), **dict(preset_named("speedrun").values)})
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: bool(app.screen.query("PreflightPanel")) and "on this machine" in drawn(app))
        await photograph(pilot, "speedrun-setup")
        await photograph(pilot, "speedrun-setup-80x24", NARROW)
    await take_training(run, "speedrun-training", at=0.82)
    app = CifarApp({}, watch=run)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: isinstance(app.screen, ResultsScreen))
        await photograph(pilot, "speedrun-results")
        await photograph(pilot, "speedrun-results-80x24", NARROW)
        if newest_kept(tail.read(run)) is not None:
            await take_gallery(app, pilot, "speedrun-")


async def take_compare(runs: Path) -> None:
    """Compare all runs of a folder."""

    class Comparing(CifarApp):
        def first_screen(self) -> Screen[Any]:
            return CompareScreen(sorted(path for path in runs.iterdir() if holds_a_run(path)))

    app = Comparing({})
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: isinstance(app.screen, CompareScreen) and app.screen.comparison is not None)
        await photograph(pilot, "compare")
        await photograph(pilot, "compare-80x24", NARROW)


async def take_sweep(sweep: Path) -> None:
    """Show the trials of a sweep that has ended."""
    app = CifarApp({}, watch=sweep)
    async with app.run_test(size=WIDE) as pilot:
        await until(lambda: isinstance(app.screen, SweepScreen) and "makes the difference" in drawn(app))
        await photograph(pilot, "sweep")
        await photograph(pilot, "sweep-80x24", NARROW)


def drawn(app: CifarApp) -> str:
    """Return the text on the screen."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


def main() -> None:
    """Read the command line, and work in a folder that is removed afterwards."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    for flag in ("--speedrun", "--compare", "--sweep"):
        parser.add_argument(flag, type=Path)
    arguments = parser.parse_args()
    images = arguments.folder.resolve()
    with tempfile.TemporaryDirectory() as place:
        given = {name: path.resolve() for name, path in vars(arguments).items() if path is not None}
        os.chdir(place)  # short names in the pictures
        Path("cifar10-images").symlink_to(images)
        if (run := given.get("speedrun")) is not None:
            Path("finished").symlink_to(run.parent)
            asyncio.run(take_speedrun(Path("cifar10-images"), Path("finished") / run.name))
        if (runs := given.get("compare")) is not None:
            asyncio.run(take_compare(runs))
        if (sweep := given.get("sweep")) is not None:
            Path("runs").mkdir()
            (Path("runs") / sweep.name).symlink_to(sweep)
            asyncio.run(take_sweep(Path("runs") / sweep.name))
            shutil.rmtree("runs")
        asyncio.run(take(Path("cifar10-images")))


if __name__ == "__main__":
    main()
