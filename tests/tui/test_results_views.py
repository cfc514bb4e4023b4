"""The results screen: which views are shown, at every size."""

from __future__ import annotations

import dataclasses

import pytest
from rich.cells import cell_len
from textual.binding import Binding

from engine.record.events import EpochTrained
from tests.records import (
    finished_record,
    run_started,
)
from tests.results_screen import (
    NARROW,
    SHORT,
    WIDE,
    ResultsApp,
    drawn,
    settle,
)
from tui.charts.keys import CHART_BINDINGS
from tui.dialogs.class_details import ClassDetails
from tui.screens.results import ResultsScreen
from tui.screens.training import TrainingScreen
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.confusion_map import ConfusionMap
from tui.widgets.keys import Keys
from tui.widgets.view_tabs import ViewTabs


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_all_keys_fit(size: tuple[int, int]) -> None:
    """Each key that works is in the footer, in every view, or beside the name of its view."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=size) as pilot:
        for view in ("t", "m", "h", "k", "w", "c"):
            await pilot.press(view)
            await settle(pilot)
            assert app.results.query_one(Keys)._left_out == set(), view
            assert "Leave" in drawn(app).splitlines()[-1]


async def test_narrow_shows_table_map_or_chart() -> None:
    """At 80×24 `m` and `c` show the map or the chart in the place of the table; each key offered does something."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:

        async def shown(*keys: str) -> tuple[bool, bool, bool]:
            await pilot.press(*keys)
            await settle(pilot)
            return app.table.display, app.map.display, app.chart.display

        table, only_map, chart = (True, False, False), (False, True, False), (False, False, True)
        assert await shown() == table
        assert app.focused is app.table
        assert {"Class", "Order", "Reverse"} <= set(app.keys)
        assert "t Table  m Map  h History  k Calibration  w Filters  c Chart" in drawn(app)
        assert "Zoom" not in app.keys
        assert await shown("m") == only_map
        assert isinstance(app.focused, ConfusionMap)
        assert "Class" in app.keys
        assert not {"Order", "Reverse", "Zoom"} & set(app.keys)
        assert await shown("c") == chart
        assert {"Zoom", "Scale"} <= set(app.keys)
        assert not {"Class", "Order", "Reverse"} & set(app.keys)
        assert await shown("enter", "o") == chart
        assert await shown("m") == only_map
        assert await shown("c", "c") == table
        assert await shown("m", "m") == table
        assert await shown("c", "t") == table
        assert app.focused is app.table


async def test_wide_shows_both() -> None:
    """From 110 columns on, table and map stand side by side, and no key for the table is offered."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert app.table.region.y == app.map.region.y
        assert app.table.size.height == app.map.size.height == 11
        assert "Table" not in app.keys


async def test_a_click_shows_a_view() -> None:
    """A click on the name of a view shows it, as its key does."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.click(ViewTabs, offset=(13, 0))
        await settle(pilot)
        assert app.map.display
        assert not app.table.display


async def test_views_without_room_for_their_names() -> None:
    """In a narrow terminal the views keep their keys, and the one that is shown its name."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=(40, 24)) as pilot:
        await pilot.press("h")
        await settle(pilot)
        assert " t  m  h History  k  w  c " in drawn(app)
        await pilot.click(ViewTabs, offset=(4, 0))
        await settle(pilot)
        assert app.map.display


@pytest.mark.parametrize(("size", "at_first"), [(NARROW, False), (SHORT, False), (WIDE, True)])
async def test_chart(size: tuple[int, int], at_first: bool) -> None:
    """The chart of the whole run is shown if there is room; `c` shows it and takes it away."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert app.chart.display == at_first
        await pilot.press("c")
        await settle(pilot)
        assert app.chart.display != at_first
        if app.chart.display:
            assert "6,252" in drawn(app)
            assert not app.results.query_one(ConfusedPairs).display
            assert "Order" not in app.keys
        await pilot.press("c")
        await settle(pilot)
        assert app.chart.display == at_first
        assert app.focused is app.table


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_curves_by_epoch(size: tuple[int, int]) -> None:
    """`a` shows accuracy and loss by epoch, with their gap in words; the keys of the losses go and come back."""
    record = finished_record()
    for epoch in range(1, 5):
        at = 1_563 * epoch
        record.trained.append(EpochTrained(seconds=at, epoch=epoch, iteration=at, correct=60 + 5 * epoch, total=100))
    app = ResultsApp(record)
    async with app.run_test(size=size) as pilot:
        if size == NARROW:
            await pilot.press("c")
        await settle(pilot)
        loss_keys = {"Zoom", "Scale", "Smoother", "Rougher"}
        assert loss_keys <= set(app.keys)
        await pilot.press("a")
        await settle(pilot)
        assert "trains 80.0 %, test 69.4 %: 10.6 points apart" in drawn(app)
        assert not loss_keys & set(app.keys)
        await pilot.press("a")
        await settle(pilot)
        assert "loss by epoch" in drawn(app)
        await pilot.press("a")
        await settle(pilot)
        assert "loss ── now" in drawn(app)
        assert loss_keys <= set(app.keys)


async def test_chart_has_the_keys_of_the_training_screen() -> None:
    """The keys of the chart are the same on both screens, and work on the results."""
    keys = {binding.key for binding in CHART_BINDINGS if isinstance(binding, Binding)}
    for screen in (TrainingScreen, ResultsScreen):
        assert keys <= {binding.key for binding in screen.BINDINGS if isinstance(binding, Binding)}
    app = ResultsApp(finished_record())
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        smoothing, window = app.chart.curve.smoothing, app.chart.curve.window
        await pilot.press("y", "minus", "r")
        assert app.chart.curve.log_scale
        assert app.chart.curve.smoothing == smoothing - 1
        assert app.chart.curve.window is not window


@pytest.mark.parametrize("start", [NARROW, WIDE])
async def test_any_size(start: tuple[int, int]) -> None:
    """After the terminal was very small, the screen looks as before."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=start) as pilot:
        await settle(pilot)
        before = drawn(app)
        for size in ((1, 1), (3, 2), (20, 5), (1, 40), (200, 1), (40, 12), start):
            await pilot.resize_terminal(*size)
            await settle(pilot)
        assert drawn(app) == before


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_hostile_names(size: tuple[int, int]) -> None:
    """Names of classes, runs and data sets with markup, escape codes or 200 letters are plain text and fit."""
    names = ("[b]x[/b]", "[/x]", "\x1b[31mred\x07", "漢字" * 30, "a" * 200, "e\u202eb", "f\nf", "", "ha", "i")
    dataset = dataclasses.replace(run_started(classes=names).dataset, name="[red]\x1b[2Jdata" + "x" * 300)
    app = ResultsApp(finished_record(dataset=dataset, name="[/]run\x1b[2J" + "y" * 300))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = drawn(app)
        for said in ("[b]x[/b]", "[/x]", "red\ufffd", "e\ufffdb", "f f", "[red]data"):
            assert said in text
        assert "\x1b" not in text
        assert {cell_len(line) for line in text.splitlines()} == {size[0]}
        for _ in range(4):
            await pilot.press("d")
            await settle(pilot)
            assert isinstance(app.screen, ClassDetails)
            assert {cell_len(line) for line in drawn(app).splitlines()} == {size[0]}
            await pilot.press("escape", "down")
        await pilot.press("m")
        await settle(pilot)
        assert {cell_len(line) for line in drawn(app).splitlines()} == {size[0]}
