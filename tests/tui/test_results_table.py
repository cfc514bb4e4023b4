"""The results screen: the table of the classes."""

from __future__ import annotations

import pytest
from rich.cells import cell_len

from tests.records import (
    CLASSES,
    finished_record,
)
from tests.results_screen import (
    NARROW,
    WIDE,
    ResultsApp,
    drawn,
    evaluated,
    settle,
)
from tui.look.theme import LIGHT
from tui.widgets.evaluation_table import EvaluationTable


async def test_sorting_by_keys() -> None:
    """The best class comes first; `O` reverses the order and `o` goes on to the next column."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert app.column(3)[0] == "89.4 %"
        assert app.column(0)[-1] == "bird"
        await pilot.press("O")
        assert app.column(0)[0] == "bird"
        await pilot.press("o")
        assert app.column(4)[0] == "80.8 %"
        assert "precision▼" in drawn(app)
        await pilot.press("o", "o")
        assert app.column(0) == sorted(CLASSES)
        await pilot.press("o")
        assert app.column(1)[0] == "894"
        assert "correct▼" in drawn(app)


async def test_sorting_by_mouse() -> None:
    """A click on a heading sorts by it, a second one reverses the order."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.click(EvaluationTable, offset=(3, 1))
        assert app.column(0) == sorted(CLASSES)
        await pilot.click(EvaluationTable, offset=(3, 1))
        assert app.column(0) == sorted(CLASSES, reverse=True)
        await pilot.click(EvaluationTable, offset=(60, 1))
        assert app.column(0)[0] == "ship", "the bars' heading sorts by accuracy"


async def test_cursor_stays_on_its_class() -> None:
    """Sorting moves the rows, not the choice of a class."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("down", "O")
        await settle(pilot)
        assert app.table.class_index == CLASSES.index("car")
        assert app.map.cursor.row == CLASSES.index("car")


@pytest.mark.parametrize("width", [80, 100, 120, 200])
async def test_bars_take_the_room(width: int) -> None:
    """A bar is as long as the accuracy, of the width beside the numbers, to an eighth of a cell."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=(width, 40)) as pilot:
        await settle(pilot)
        bars = [str(app.table.get_row_at(row)[-1]) for row in range(10)]
        room = cell_len(bars[0])
        assert {cell_len(bar) for bar in bars} == {room}
        assert room >= 10
        eighths = [8 * bar.count("█") + " ▏▎▍▌▋▊▉".index(bar.replace("█", "")[0]) for bar in bars]
        accuracies = [float(text.removesuffix(" %")) for text in app.column(3)]
        assert eighths == [round(8 * room * accuracy / 100) for accuracy in accuracies]
        assert not app.table.show_horizontal_scrollbar


async def test_other_theme_other_colours() -> None:
    """Bars and cells follow a change of theme at once, and the cursor stays where it was."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        await pilot.press("down", "down")
        before = app.table.get_row_at(0)[-1].style
        app.theme = LIGHT.name
        await settle(pilot)
        assert app.table.get_row_at(0)[-1].style != before
        assert app.table.cursor_row == 2


# Precision, recall, F1


async def test_scores_of_a_class() -> None:
    """Precision and F1 stand beside the accuracy where they fit; a class that nothing was taken for has none."""
    app = ResultsApp(evaluated(("a", "b", "c"), ((6, 2, 0), (4, 8, 0), (0, 5, 0))))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert app.column(0) == ["a", "b", "c"]
        assert app.column(4) == ["60.0 %", "53.3 %", "–"]
        assert app.column(5) == ["66.7 %", "59.3 %", "0.0 %"]
        assert "Columns" not in app.keys


async def test_other_columns_where_it_is_narrow() -> None:
    """Beside the map there is room for the counts or the scores: `v` changes between them, sorted by what is shown."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "precision" not in drawn(app)
        await pilot.press("v")
        await settle(pilot)
        assert "F1▼" in drawn(app)
        assert [app.column(i)[0] for i in range(4)] == ["ship", "80.8 %", "89.4 %", "84.9 %"]
        await pilot.press("v")
        await settle(pilot)
        assert "accuracy▼" in drawn(app)
