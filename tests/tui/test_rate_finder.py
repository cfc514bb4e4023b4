"""The learning-rate finder in the app: from the form to the suggestion and back."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import cast

import numpy as np
import pytest
from textual.app import App
from textual.pilot import Pilot
from textual.widgets import Input, Static

from engine import data
from engine.charts.plot import Band, Line, Marks, Room
from engine.charts.rates import RateChart
from engine.config import TrainingConfig
from engine.data.imageset import ImageSet
from engine.errors import DataError
from engine.preflight import Check, Preflight
from engine.record.events import DataProgress
from engine.record.rates import RATES, RateCurve
from engine.runs import rate_search
from engine.runs.rate_search import RateSearch
from engine.training import alone
from tests.images import made_up_images
from tui.app import CifarApp
from tui.charts.chart import ChartView
from tui.dialogs.help import HelpScreen
from tui.screens.rate_finder import RateFinderScreen
from tui.screens.setup import SetupScreen
from tui.widgets.constant_field import ConstantField

LOSSES = (*[2.3] * 40, *np.linspace(2.3, 1.5, 30).tolist(), *[4.0] * 10)
SIZES = [(80, 24), (120, 40)]


def drawn(app: App[None]) -> str:
    """Return the whole screen as text."""
    return "\n".join("".join(segment.text for segment in line) for line in app.screen._compositor.render_strips())


async def until(pilot: Pilot[None], true: Callable[[], bool]) -> None:
    """Let the app run until `true` returns True. Fails after a minute."""
    deadline = time.monotonic() + 60
    while not true():
        assert time.monotonic() < deadline, f"it never came true; the screen is:\n{drawn(pilot.app)}"
        await pilot.pause(0.01)
    await pilot.pause()


class Found:
    """A search that finds what a test says."""

    def __init__(self) -> None:
        self.config = TrainingConfig()
        self.curve = RateCurve()
        self.data_progress: DataProgress | None = None
        self.error: Exception | None = None
        self.ended = self.cancelled = False

    def cancel(self) -> None:
        self.cancelled = True


class FinderApp(App[None]):
    def __init__(self, search: Found) -> None:
        super().__init__()
        self.finder = RateFinderScreen(cast(RateSearch, search))
        self.taken: list[float | None] = []

    def on_mount(self) -> None:
        self.push_screen(self.finder, self.taken.append)

    @property
    def said(self) -> str:
        return str(self.finder.query_one("#said", Static).render())


@pytest.mark.parametrize("size", SIZES)
async def test_from_the_images_to_the_suggestion(size: tuple[int, int]) -> None:
    """A person sees how far the images are, the curve as it grows, and the suggestion, which Enter takes."""
    search = Found()
    search.data_progress = DataProgress(seconds=1, activity="downloading", done=10**7, total=10**8, unit="bytes")
    app = FinderApp(search)
    async with app.run_test(size=size) as pilot:
        await until(pilot, lambda: "10.0 of 100.0 MB" in drawn(app))
        assert "esc cancels" in drawn(app)
        await pilot.press("enter")
        search.curve = RateCurve(LOSSES[:50])
        app.finder.look()
        await pilot.pause()
        assert app.said == "measuring · 50 of 100 iterations · rate 0.00091 · smoothed loss 2.26"
        assert "◆" not in drawn(app)
        await pilot.press("enter")
        assert app.taken == []
        search.curve, search.ended = RateCurve(LOSSES, ended=True), True
        app.finder.look()
        await pilot.pause()
        assert app.said.startswith(f"suggested: {search.curve.suggestion} · the form has 0.001 · Enter takes it")
        assert "◆" in drawn(app)
        assert "1e-7" in drawn(app)
        assert "Take it" in drawn(app)
        await pilot.press("enter")
        assert app.taken == [search.curve.suggestion]


async def test_nothing_to_suggest() -> None:
    """Where the loss never falls that is said, and Enter does nothing."""
    search = Found()
    search.curve, search.ended = RateCurve((2.0, 3.0), ended=True), True
    app = FinderApp(search)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: app.said == "No rate is suggested: the smoothed loss never falls.")
        await pilot.press("enter")
        assert app.taken == []
        assert "Take it" not in drawn(app)
        await pilot.press("escape")
        assert app.taken == [None]


async def test_a_search_that_fails() -> None:
    """What went wrong stands in the place of the curve, as plain text."""
    search = Found()
    search.error, search.ended = DataError("No [bold]network[/bold]."), True
    app = FinderApp(search)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "✘ No [bold]network[/bold]." in app.said)
        assert not app.finder.query_one(ChartView).display
        await pilot.press("escape")
        assert app.taken == [None]


async def test_cancelled_when_it_is_left() -> None:
    """Escape leaves at once and cancels the measurement."""
    search = Found()
    search.curve = RateCurve(LOSSES[:20])
    app = FinderApp(search)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "20 of 100" in app.said)
        assert not search.cancelled
        await pilot.press("escape")
        assert app.taken == [None]
        await until(pilot, lambda: search.cancelled)


def test_declared_chart() -> None:
    """The chart has a logarithmic axis of rates, the raw losses, the smoothed line and the suggestion at its rate."""
    curve = RateCurve(LOSSES, ended=True)
    plot = RateChart(curve).plot(Room(points=140, columns=70, rows=15))
    band, line, marks = plot.layers
    assert isinstance(band, Band) and isinstance(line, Line) and isinstance(marks, Marks)  # noqa: PT018
    assert (plot.x.log, plot.x.low, plot.x.high) == (True, 1e-7, 10)
    assert [tick.label for tick in plot.x.ticks] == ["1e-7", "1e-5", "0.001", "0.1", "10"]
    assert np.array_equal(band.x, RATES[: len(LOSSES)])
    assert np.array_equal(line.y, curve.smoothed)
    assert plot.left is not None
    assert np.isnan(band.low[-1])  # where it diverges it leaves the axis, which would be flattened
    assert marks.x == (RATES[curve.suggested_at or 0],)
    assert marks.texts == (str(curve.suggestion),)
    assert plot.notes[-1].text == "diverges at 0.24"
    assert RateChart().plot(Room(points=2, columns=1, rows=1)).left is None


Make = Callable[..., CifarApp]


def fine(config: TrainingConfig) -> Preflight:
    return Preflight((Check("data", True, ("there",)),))


@pytest.fixture
def searches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[list[RateSearch]]:
    """The searches that an app starts, in an empty folder with images from memory."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    started: list[RateSearch] = []

    class Noted(RateSearch):
        def start(self) -> Noted:
            started.append(self)
            return super().start()

    monkeypatch.setattr(rate_search, "RateSearch", Noted)
    yield started
    for search in started:  # none outlives its test
        search.cancel()
        assert search.join(60)


def app_for(look: Callable[[TrainingConfig], Preflight] = fine, **values: object) -> CifarApp:
    return CifarApp({"data": "demo", "epochs": 1, "device": "cpu", "threads": 1, **values}, look=look)


async def at_the_finder(pilot: Pilot[None], app: CifarApp) -> None:
    await until(pilot, lambda: isinstance(app.screen, SetupScreen))
    await pilot.press("ctrl+l")
    await until(pilot, lambda: isinstance(app.screen, RateFinderScreen))


async def test_from_the_form_and_back(searches: list[RateSearch]) -> None:
    """Ctrl+L in the form measures its constants; Enter fills the rate in. No run is left behind."""
    app = app_for(learning_rate=0.5, batch_size=16)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_the_finder(pilot, app)
        await until(pilot, lambda: searches[0].ended)
        assert isinstance(app.screen, RateFinderScreen)
        app.screen.look()
        await pilot.pause()
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert app.form is not None
        assert app.form.values["learning_rate"] == str(searches[0].curve.suggestion)
        assert app.form.values["batch_size"] == "16"
        assert searches[0].config == TrainingConfig.checked(
            {"data": "demo", "epochs": 1, "device": "cpu", "threads": 1, "learning_rate": 0.5, "batch_size": 16}
        )
    assert list(Path().iterdir()) == []


async def test_escape_keeps_the_form(searches: list[RateSearch], monkeypatch: pytest.MonkeyPatch) -> None:
    """Escape goes back at once, while images are read as well; the form is as it was and the search ends."""

    def load(source: str, data_dir: Path, progress: data.Progress) -> ImageSet:
        while True:
            progress("reading", 1, 3, "images")

    monkeypatch.setattr(data, "load", load)
    app = app_for(learning_rate=0.5)
    async with app.run_test(size=(80, 24)) as pilot:
        await at_the_finder(pilot, app)
        await pilot.press("escape")
        await until(pilot, lambda: isinstance(app.screen, SetupScreen))
        assert app.form is not None
        assert app.form.values["learning_rate"] == "0.5"
        await until(pilot, lambda: searches[0].ended)


async def test_why_it_does_not_begin(searches: list[RateSearch]) -> None:
    """With a wrong constant or data that are not ready, the key says why in the form; it waits for the checks."""

    def refused(config: TrainingConfig) -> Preflight:
        return Preflight((Check("data", False, ("There is no network.",)),))

    app = app_for(refused)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "cannot start yet" in drawn(app))
        await pilot.press("ctrl+l")
        assert "There is no network." in drawn(app)
        assert isinstance(app.screen, SetupScreen)
    app = app_for()
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "ready" in drawn(app))
        field = next(field for field in app.screen.query(ConstantField) if field.constant.name == "epochs")
        field.query_one(Input).value = "0"
        await until(pilot, lambda: "1 constant is wrong" in drawn(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "0 is not allowed" in drawn(app))
        assert field.has_focus_within
        assert isinstance(app.screen, SetupScreen)
    assert searches == []


async def test_not_beside_a_run(searches: list[RateSearch], monkeypatch: pytest.MonkeyPatch) -> None:
    """While a run trains in this program, Ctrl+L says so and measures nothing."""
    app = app_for()
    monkeypatch.setattr(app, "running", object)
    async with app.run_test(size=(80, 24), notifications=True) as pilot:
        await until(pilot, lambda: "ready" in drawn(app))
        await pilot.press("ctrl+l")
        await until(pilot, lambda: "A run is still training here." in drawn(app))
        monkeypatch.undo()
    assert searches == []


async def test_a_run_of_this_process_is_waited_for(searches: list[RateSearch]) -> None:
    """Should something train here all the same, the screen says why nothing is measured."""
    app = app_for()
    with alone.training():
        async with app.run_test(size=(80, 24)) as pilot:
            await at_the_finder(pilot, app)
            await until(pilot, lambda: "A run is training here" in drawn(app))


async def test_help_and_leaving(searches: list[RateSearch]) -> None:
    """F1 explains the key on the form and the curve on the screen; q leaves the program."""
    app = app_for()
    async with app.run_test(size=(120, 40)) as pilot:
        await until(pilot, lambda: "Find rate" in drawn(app))
        await pilot.press("f1")
        assert isinstance(app.screen, HelpScreen)
        assert "Find a learning rate for these constants" in drawn(app)
        await pilot.press("escape")
        await at_the_finder(pilot, app)
        await pilot.press("f1")
        assert "◆ marks the rate" in drawn(app)
        await pilot.press("escape")
        await pilot.press("q")
    assert app.return_code == 0
