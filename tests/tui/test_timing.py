"""The form says how long the run will take, and measures that only while nothing else happens."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
from textual import on
from textual.app import App
from textual.widgets import Input

from engine.config import TrainingConfig
from engine.data.found import Found
from engine.estimate import Figures
from engine.preflight import Check, Preflight
from tests.tui.test_setup import READY, drawn, until
from tui.dialogs.help import HelpScreen
from tui.screens.messages import StartRun
from tui.screens.setup import SetupScreen
from tui.widgets.constant_field import ConstantField

FOUND = Found(True, "made up", ("a", "b"), (500, 500), 200)
LOOKED = Preflight(READY.checks, found=FOUND)
FIGURES = Figures(preparing=20.0, image=0.175, step=0.0, look=0.0)
"""Figures of a machine that needs 12 minutes for four epochs of `FOUND`."""


class StandIn:
    """An estimator whose measurements end when a test says so."""

    def __init__(self) -> None:
        self.known: dict[int, Figures | None] = {}
        """What was measured, by batch size."""
        self.begun: list[StandInMeasurement] = []

    def is_known(self, config: TrainingConfig, found: Found) -> bool:
        return config.batch_size in self.known

    def figures(self, config: TrainingConfig, found: Found) -> Figures | None:
        return self.known.get(config.batch_size)

    def measure(self, config: TrainingConfig, found: Found) -> StandInMeasurement:
        return StandInMeasurement(self, config.batch_size)

    @property
    def running(self) -> list[int]:
        """The batch sizes that are being measured."""
        return [each.batch_size for each in self.begun if not each.ended.is_set()]


class StandInMeasurement:
    def __init__(self, estimator: StandIn, batch_size: int) -> None:
        self.batch_size, self.ended = batch_size, threading.Event()
        self.answers = threading.Event()
        self.answers.set()
        self._estimator, self._figures, self.is_cancelled = estimator, FIGURES, False

    def __call__(self) -> Figures | None:
        self._estimator.begun.append(self)
        assert len(self._estimator.running) <= 1
        self.ended.wait()
        self.answers.wait()
        return self._figures  # too late, if it was cancelled

    def cancel(self) -> None:
        self.is_cancelled = True
        self.ended.set()

    def finish(self, figures: Figures | None = FIGURES) -> None:
        self._figures = figures  # type: ignore[assignment]
        self.ended.set()


class TimedApp(App[None]):
    def __init__(self, looked: Preflight = LOOKED, pause: float = 0) -> None:
        super().__init__()
        self.estimator = StandIn()
        self.setup = SetupScreen({}, lambda config: looked, pause=pause, estimates=lambda: self.estimator)
        self.started: list[TrainingConfig] = []

    def on_mount(self) -> None:
        self.push_screen(self.setup)

    @on(StartRun)
    def note_start(self, message: StartRun) -> None:
        self.started.append(message.config)

    def set(self, name: str, value: str) -> None:
        self.setup.fill({name: value})


async def test_the_time_is_shown() -> None:
    """While it is measured the form says so, and then about how long the run takes."""
    app = TimedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "measuring the time …" in drawn(app))
        app.estimator.begun[0].finish()
        await until(pilot, lambda: "about 12 minutes on this machine" in drawn(app))
        assert "measuring" not in drawn(app)


async def test_in_a_small_window() -> None:
    """Where a check has one line only, the time stands at its end."""
    app = TimedApp()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.estimator.running == [32])
        app.estimator.begun[0].finish()
        work = app.setup.query_one("CheckRow.work")
        await until(pilot, lambda: work.has_class("-timed"))
        work.scroll_visible(animate=False)
        await until(pilot, lambda: "about 12 minutes" in drawn(app))
        (line,) = (line for line in drawn(app).splitlines() if "about 12 minutes" in line)
        assert "63 iterations" in line


async def test_epochs_count_without_measuring_again() -> None:
    """Figures that are known are used at once, for whatever other constants."""
    app = TimedApp()
    app.estimator.known[32] = FIGURES
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "about 12 minutes" in drawn(app))
        app.set("epochs", "8")
        await until(pilot, lambda: "about 24 minutes" in drawn(app))
        app.set("patience", "2")
        await until(pilot, lambda: "at most about 24 minutes" in drawn(app))
        assert app.estimator.begun == []


async def test_a_new_value_ends_the_measurement() -> None:
    """When a constant changes, what is being measured is cancelled at once; there are never two measurements."""
    app = TimedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.estimator.running == [32])
        for size in (64, 128):
            app.set("batch_size", str(size))
            await until(pilot, lambda size=size: app.estimator.running == [size])  # type: ignore[misc]
        assert [each.is_cancelled for each in app.estimator.begun] == [True, True, False]
        field = next(field for field in app.setup.query(ConstantField) if field.constant.name == "batch_size")
        field.query_one(Input).value = "0"
        await until(pilot, lambda: app.estimator.running == [])


async def test_a_late_answer_is_dropped() -> None:
    """What a cancelled measurement still finds is not shown for the constants that came after it."""
    app = TimedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.estimator.running == [32])
        late = app.estimator.begun[0]
        late.answers.clear()
        app.set("batch_size", "64")
        await until(pilot, lambda: app.estimator.running == [64])
        app.estimator.begun[1].finish(replace(FIGURES, image=0.35))
        await until(pilot, lambda: "about 24 minutes" in drawn(app))
        late.answers.set()
        await until(pilot, lambda: all(thread.name != "work" for thread in threading.enumerate()))
        assert "about 24 minutes" in drawn(app)


@pytest.mark.parametrize("key", ["ctrl+r", "ctrl+b"])
async def test_a_start_ends_the_measurement(key: str) -> None:
    """A run never begins beside a measurement."""
    app = TimedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.estimator.running == [32])
        await pilot.press(key)
        assert app.estimator.running == []
        assert app.started == [TrainingConfig()]


async def test_nothing_is_measured_out_of_sight() -> None:
    """Under another screen nothing is measured; back on the form it is, and leaving ends it."""
    app = TimedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.estimator.running == [32])
        await app.push_screen(HelpScreen("", []))
        await until(pilot, lambda: app.estimator.running == [])
        await app.pop_screen()
        await until(pilot, lambda: app.estimator.running == [32])
    assert app.estimator.running == []


async def test_nothing_is_measured_while_the_form_changes() -> None:
    """Nothing is measured until the form has been at rest for a moment."""
    app = TimedApp(pause=3600)
    async with app.run_test(size=(120, 40)) as pilot:
        app.setup._checked(app.setup._config, LOOKED)  # type: ignore[arg-type]
        await until(pilot, lambda: "measuring the time …" in drawn(app))
        assert app.estimator.begun == []


@pytest.mark.parametrize(
    "looked",
    [
        Preflight((Check("run", False, ("the disk is full",)),), found=FOUND),
        Preflight(READY.checks),
        Preflight(READY.checks, found=Found(False, "to be downloaded", (), (), 0)),
    ],
)
async def test_a_run_that_cannot_start_is_not_measured(looked: Preflight) -> None:
    """Without images, or with something in the way of a start, nothing is measured and nothing said."""
    app = TimedApp(looked)
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: app.setup._preflight is not None)
        await pilot.pause()
        assert app.estimator.begun == []
        assert "time …" not in drawn(app)


async def test_a_failure_makes_no_noise() -> None:
    """If the time cannot be measured, nothing is said of it."""
    app = TimedApp()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "measuring the time …" in drawn(app))
        app.estimator.begun[0].finish(None)
        await until(pilot, lambda: "measuring" not in drawn(app))
        assert "about" not in drawn(app)
