"""The results screen: the accuracies, the mistakes and the losses of a run, at every size."""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.cells import cell_len
from textual.app import App
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import Static

from engine.config import TrainingConfig
from engine.record.evaluation import ConfusionMatrix
from engine.record.events import EpochTrained, Evaluated, Finished, KeptPredictions
from engine.record.record import RunRecord
from tests.records import (
    CLASSES,
    demo_dataset,
    failed_record,
    finished_record,
    interrupted_record,
    live_record,
    made_up_matrix,
    run_started,
)
from tui.charts.keys import CHART_BINDINGS
from tui.charts.kinds.loss import LossChart
from tui.dialogs.class_details import ClassDetails
from tui.look.theme import DARK, LIGHT
from tui.screens.messages import Export, NewRun, ShowImages
from tui.screens.results import ResultsScreen
from tui.screens.training import TrainingScreen
from tui.widgets.class_history import ClassHistory
from tui.widgets.confused_pairs import ConfusedPairs
from tui.widgets.confusion_map import ConfusionMap, shade
from tui.widgets.evaluation_table import EvaluationTable
from tui.widgets.heat_map import HeatMap
from tui.widgets.keys import Keys
from tui.widgets.view_tabs import ViewTabs

NARROW, WIDE, SHORT = (80, 24), (120, 40), (120, 24)


class ResultsApp(App[None]):
    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.results = ResultsScreen(record, Path("runs/brisk-heron"))
        self.called: list[str] = []

    def on_mount(self) -> None:
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.push_screen(self.results)

    def on_export(self, message: Export) -> None:
        self.called.append(f"export {message.folder}")

    def on_new_run(self, message: NewRun) -> None:
        self.called.append("new run")

    def on_back(self) -> None:
        self.called.append("back")

    def on_show_images(self, message: ShowImages) -> None:
        self.called.append(f"images {message.index} {message.true} {message.predicted} {message.order}")

    def action_leave(self) -> None:
        self.called.append("leave")

    def action_help(self) -> None:
        self.called.append("help")

    @property
    def table(self) -> EvaluationTable:
        return self.results.query_one(EvaluationTable)

    @property
    def map(self) -> ConfusionMap:
        return self.results.query_one(ConfusionMap)

    @property
    def chart(self) -> LossChart:
        return self.results.query_one(LossChart)

    def column(self, index: int) -> list[str]:
        """The table's cells in a column, from top to bottom."""
        rows = range(self.table.row_count)
        return [str(self.table.get_row_at(row)[index]).strip() for row in rows]

    @property
    def keys(self) -> list[str]:
        """What the keys do that are offered now."""
        return [each.binding.description for each in self.screen.active_bindings.values() if each.binding.show]


def evaluated(classes: tuple[str, ...], *matrices: ConfusionMatrix) -> RunRecord:
    """Return the record of a run whose epochs ended with these evaluations."""
    record = finished_record(classes=classes, evaluations=False)
    for epoch, matrix in enumerate(matrices, 1):
        at = epoch * 1_563
        record.evaluations.append(Evaluated(seconds=at, duration=1, epoch=epoch, iteration=at, matrix=matrix))
    return record


def drawn(app: App[None]) -> str:
    """The whole terminal as text."""
    return "\n".join(strip.text for strip in app.screen._compositor.render_strips())


def details(app: App[None]) -> list[list[str]]:
    """The words of each row of the class details, without the bars."""
    inside = [max(line.split("│"), key=len).split() for line in drawn(app).splitlines() if "│" in line]
    rows = [row for row in inside if row.count("%") == 2 and row[0] != "%"]
    return [[word for word in row if not set(word) & set("█▏▎▍▌▋▊▉")] for row in rows]


async def settle(pilot: Pilot[None]) -> None:
    await pilot.pause()
    await pilot.pause()


# How good, and of what


@pytest.mark.parametrize("size", [NARROW, SHORT, WIDE, (200, 60)])
async def test_outcome_first(size: tuple[int, int]) -> None:
    """At every size the screen shows the run, its status, the accuracy with its counts, and the data set."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = drawn(app)
        for said in ("brisk-heron", "completed", "69.39 %  (6,939 of 10,000)", "CIFAR-10", "runs/brisk-heron"):
            assert said in text
        for name in CLASSES:
            assert name in text
        assert all(key in app.keys for key in ("Export", "New", "Help", "Leave"))


async def test_demo_set_is_named() -> None:
    """The demo set is named beside its accuracy, with its note, so that nobody takes it for CIFAR-10."""
    app = ResultsApp(finished_record(dataset=demo_dataset()))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert "test images recognised (demo set)" in drawn(app)
        assert "its numbers say nothing about CIFAR-10" in drawn(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_no_evaluation(size: tuple[int, int]) -> None:
    """A run without an evaluation says so and shows its losses; no key for a table is offered."""
    app = ResultsApp(interrupted_record(evaluations=False))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = drawn(app)
        assert "No evaluation" in text
        assert "interrupted" in text
        assert "%" not in text
        assert app.chart.display
        chart_keys = ["Range", "Log scale", "Smoother", "Smoother", "Rougher"]
        assert app.keys == [*chart_keys, "Export", "New", "Help", "Back", "Leave"]
        await pilot.press("m", "c", "o", "O", "enter")
        assert app.chart.display
        assert app.screen is app.results


async def test_nothing_recorded() -> None:
    """A run that failed before its first iteration is shown without losses."""
    app = ResultsApp(failed_record("Out of memory.", iterations=0))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert "Out of memory." in drawn(app)
        assert "0 iterations" in drawn(app)


async def test_failed_run() -> None:
    """A failed run shows the reason, as plain text, and after which epoch its accuracy was measured."""
    app = ResultsApp(failed_record("The loss became \x1b[31mnan[/]. Try a smaller learning rate.", iterations=3_500))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        text = drawn(app)
        assert "failed" in text
        assert "The loss became nan[/]. Try a smaller learning rate." in text
        assert "evaluated after epoch 2 of 4" in text


async def test_when_it_was_evaluated() -> None:
    """A run stopped within an epoch shows after how many epochs and iterations its accuracy was measured."""
    record = live_record(2_108, evaluations=False, batches=313, epochs=10)
    matrix = made_up_matrix(10, 0.5)
    record.apply(Evaluated(seconds=20, duration=1, epoch=7, iteration=2_108, matrix=matrix))
    record.apply(Finished(seconds=21, status="stopped", iterations=2_108, train_seconds=15.0, evaluation_seconds=1.0))
    app = ResultsApp(record)
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert "evaluated after 6.7 epochs (iteration 2,108) of 10" in drawn(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_a_run_that_a_constant_ended(size: tuple[int, int]) -> None:
    """Nothing looks as if something were missing; views, loss, training accuracy and the best weights are told."""
    config = TrainingConfig(keep_best=True, patience=1, validation=100).as_json()
    record = live_record(400, evaluations=False, batches=100, epochs=9, validation_images=100, config=config)
    matrix = made_up_matrix(10, 0.5)
    record.apply(EpochTrained(seconds=19, epoch=3, iteration=300, correct=80, total=100))
    at: dict[str, Any] = {"seconds": 20, "duration": 1, "epoch": 3, "iteration": 300, "matrix": matrix}
    record.apply(Evaluated(**at, views=6, plain_correct=4_000, loss=1.25))
    reason = "no better accuracy in 1 epoch"
    ended: dict[str, Any] = {"seconds": 21, "iterations": 400, "train_seconds": 15.0, "evaluation_seconds": 1.0}
    record.apply(Finished(**ended, status="completed", reason=reason))
    app = ResultsApp(record)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        text = drawn(app)
        for told in (
            "test images with 6 views (CIFAR-10)",
            "40.00 % with one view",
            "test loss 1.2500 · training 80.00 %",
            "cnn · 4 epochs, the best weights of epoch 3 · ",
            "400 iterations in",
        ):
            assert told in text
        assert "of 9" not in text


async def test_one_of_each() -> None:
    """A single epoch and a single iteration are in the singular."""
    app = ResultsApp(finished_record(batches=1, epochs=1))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "cnn · 1 epoch · " in drawn(app)
        assert "1 iteration in" in drawn(app)


async def test_run_that_still_trains() -> None:
    """A run of another process shows what it has so far, with room for some more."""
    app = ResultsApp(live_record(1_000))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "No evaluation yet." in drawn(app)
        assert "6,252" in drawn(app)


# The table


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


# The map


def glyphs(heat_map: HeatMap) -> list[str]:
    return [heat_map.render_line(y).text for y in range(heat_map.scrollable_content_region.height)]


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_map_shows_counts(size: tuple[int, int], monkeypatch: pytest.MonkeyPatch) -> None:
    """The map holds every count below the abbreviated name of its column, readable without any colour."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = ResultsApp(finished_record())
    async with app.run_test(size=size) as pilot:
        if size == NARROW:
            await pilot.press("m")
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert [name[:3] for name in heading.split()] == [name[:3] for name in CLASSES]
        evaluation = finished_record().evaluation
        assert evaluation is not None
        for name, counts, row in zip(CLASSES, evaluation.matrix, rows, strict=False):
            assert row.split() == [name, *map(str, counts)]
        assert "cat → dog" in drawn(app)


async def test_map_without_room_for_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the counts do not fit, glyphs show the shares without colour, twice on the diagonal."""
    monkeypatch.setenv("NO_COLOR", "1")
    names = tuple(f"{first}{second}er" for first in "abcde" for second in "aiou")
    dataset = dataclasses.replace(run_started(classes=names).dataset, test_images=20_000)
    record = finished_record(dataset=dataset)
    evaluation = record.evaluation
    assert evaluation is not None
    app = ResultsApp(record)
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m")
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split() == [name[:2] for name in names]
        for index, row in enumerate(rows):
            cells = row[5:][: 3 * len(names)]
            expected = [shade(count, 1_000) for count in evaluation.matrix[index]]
            expected[index] *= 2
            assert [cells[at : at + 3].rstrip() for at in range(0, 60, 3)] == [glyph.strip() for glyph in expected]
        assert "· some  ░ 3  ▒ 10  ▓ 20  █ 40 %" in drawn(app)


def test_shades() -> None:
    """Each glyph begins at the share in the legend; only a count of zero is blank."""
    assert [shade(count, 100) for count in (0, 1, 2, 3, 9, 10, 19, 20, 39, 40, 100)] == list(" ··░░▒▒▓▓██")


async def test_many_long_names() -> None:
    """Forty long names with one prefix stay apart in table, map, pairs and details; rows and columns are numbered."""
    birds = ("heron", "stork", "crane", "ibis")
    names = tuple(f"a_rather_long_prefix_of_{bird}_{i}_photos" for i in range(10) for bird in birds)
    short = [f"…{bird}_{i}…" for i in range(10) for bird in birds]
    app = ResultsApp(finished_record(classes=names))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert sorted(app.column(0)) == sorted(short)
        app.map.choose(0)
        heading, *rows = glyphs(app.map)
        assert heading.split()[:10] == [str(i) for i in range(10)]
        assert [row.split()[:2] for row in rows[:10]] == [[str(i), short[i]] for i in range(10)]
        pair = next(line for line in drawn(app).splitlines() if "…" in line and " → " in line)
        assert {word for word in pair.split() if "…" in word} <= set(short)
        await pilot.press("d")
        await settle(pilot)
        assert sum(name in drawn(app) for name in short) > 10


async def test_map_scrolls() -> None:
    """With a hundred classes the map scrolls to the last one, and its headings stay."""
    names = tuple(f"class {i}" for i in range(100))
    app = ResultsApp(finished_record(classes=names))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert app.table.row_count == 100
        await pilot.press("m", "home", *["pageup"] * 12)
        await settle(pilot)
        heading, first, *_ = glyphs(app.map)
        assert heading.split()[0] == "0"
        assert first.startswith("class 0 ")
        app.map.scroll_to(x=app.map.max_scroll_x, y=app.map.max_scroll_y, animate=False)
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split()[-1] == "99"
        assert rows[-1].startswith("class 99")
        evaluation = finished_record(classes=names).evaluation
        assert evaluation is not None
        assert rows[-1].split()[-1] == str(evaluation.matrix[99][99])


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_two_classes(size: tuple[int, int]) -> None:
    """Two classes are enough for a table and a map."""
    app = ResultsApp(finished_record(classes=("good", "bad")))
    async with app.run_test(size=size) as pilot:
        await pilot.press("m")
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split() == ["good", "bad"]
        assert [len(row.split()) for row in rows[:2]] == [3, 3]
        assert "good → bad" in drawn(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_one_class(size: tuple[int, int]) -> None:
    """A single class is shown in every view."""
    app = ResultsApp(evaluated(("only",), ((7,),), ((8,),)))
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert "only" in app.column(0)
        for keys in (["m", "right", "down"], ["h", "left"], ["k"], ["w"], ["t", "tab", "right"], ["d"]):
            await pilot.press(*keys)
            await settle(pilot)
        assert ["only", "7", "100.0", "%", "only", "7", "100.0", "%"] in details(app)


async def test_perfect_model() -> None:
    """A model without a mistake is shown without mistakes."""
    app = ResultsApp(evaluated(("a", "b"), ((5, 0), (0, 5))))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "No class was taken for another." in drawn(app)
        await pilot.press("d")
        await settle(pilot)
        assert ["a", "5", "100.0", "%", "a", "5", "100.0", "%"] in details(app)


async def test_class_without_test_images() -> None:
    """A class that no test image belongs to has no accuracy to divide by."""
    app = ResultsApp(evaluated(("a", "b"), ((5, 1), (0, 0))))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert app.column(3) == ["83.3 %", "0.0 %"]
        await pilot.press("down", "d")
        await settle(pilot)
        assert "0 of 0 test images recognised" in drawn(app)


async def test_cursor_in_the_map() -> None:
    """The arrow keys and the mouse move the cursor of the map, its border tells the cell, and the table follows."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("m")
        await settle(pilot)
        assert "ship recognised: 894 of 1,000, 89.4 %" in drawn(app)
        await pilot.press("up", "left", "left", "left")
        assert "horse → dog: 90 of 1,000, 9.0 %" in drawn(app)
        reversed_cells = [s.text for s in app.map.render_line(8) if s.style and s.style.reverse]
        assert [text.strip() for text in reversed_cells] == ["90"]
        await pilot.press("end", "down", "down", "down")
        assert "truck recognised: 774 of 1,000" in drawn(app), "the cursor stays inside"
        await pilot.click(ConfusionMap, offset=(8 + 7 * 4, 3 + 2))
        assert "cat → deer: 58" in drawn(app)
        await pilot.press("t")
        assert app.table.class_index == CLASSES.index("cat")


async def test_cursor_scrolls_the_map() -> None:
    """With a thousand classes the cursor reaches the last cell, and the map scrolls with it."""
    app = ResultsApp(finished_record(classes=tuple(f"class {i}" for i in range(1_000))))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m", "end", *["pagedown"] * 120)
        await settle(pilot)
        heading, *rows = glyphs(app.map)
        assert heading.split()[-1] == "999"
        assert rows[app.map.scrollable_content_region.height - 2].startswith("999 class 999")
        assert "class 999 recognised: " in drawn(app)


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


# Earlier evaluations


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_earlier_evaluations(size: tuple[int, int]) -> None:
    """`[` and `]` step through the evaluations: numbers, table, map, pairs and details follow; the title says which."""
    record = finished_record()
    app = ResultsApp(record)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        await pilot.press("down", "[", "[")
        await settle(pilot)
        earlier = record.evaluation_at(1)
        text = drawn(app)
        assert "after epoch 2 of 4" in text
        assert f"{earlier.correct:,} of 10,000 test images recognised" in text
        car = CLASSES.index("car")
        assert app.table.class_index == car, "the cursor stays on its class"
        assert app.column(1)[app.table.cursor_row] == f"{earlier.matrix[car][car]:,}"
        worst = earlier.most_confused(1)[0]
        assert f"{worst.true} → {worst.predicted}" in text
        await pilot.press("m")
        await settle(pilot)
        assert glyphs(app.map)[1].split()[1] == str(earlier.matrix[0][0])
        await pilot.press("d")
        await settle(pilot)
        assert f"{earlier.matrix[car][car]:,} of 1,000 test images recognised" in drawn(app)
        await pilot.press("escape", "[", "[", "[")
        assert "after epoch 1 of 4" in drawn(app)
        await pilot.press("]", "]", "]", "]")
        await settle(pilot)
        assert "completed" in drawn(app)


@pytest.mark.parametrize("size", [NARROW, WIDE])
async def test_history_of_the_classes(size: tuple[int, int]) -> None:
    """The history has a row a class and a column an epoch; its cursor tells the number and chooses the evaluation."""
    record = finished_record()
    app = ResultsApp(record)
    async with app.run_test(size=size) as pilot:
        await pilot.press("h")
        await settle(pilot)
        heading, *rows = glyphs(app.results.query_one(ClassHistory))
        assert heading.split() == ["1", "2", "3", "4"]
        cat, first = CLASSES.index("cat"), record.evaluation_at(0).per_class
        accuracies = [record.evaluation_at(i).per_class[cat].accuracy for i in range(4)]
        assert rows[cat].split() == ["cat", *(f"{accuracy:.0f}" for accuracy in accuracies)]
        await pilot.press("home", *["pageup"] * 2, "down")
        await settle(pilot)
        assert f"car after epoch 1: {first[1].accuracy:.1f} %, {first[1].correct:,} of 1,000" in drawn(app)
        assert "after epoch 1 of 4" in drawn(app)
        assert f"{record.evaluations[0].correct:,} of 10,000" in drawn(app)
        await pilot.press("]")
        await settle(pilot)
        second = record.evaluation_at(1).per_class[1]
        assert f"car after epoch 2: {second.accuracy:.1f} %" in drawn(app), "the cursor follows the other keys"


async def test_history_without_room_or_colour(monkeypatch: pytest.MonkeyPatch) -> None:
    """Forty epochs show shares as glyphs where there is no colour, and scroll to the newest; a class may be empty."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = ResultsApp(evaluated(("a", "b"), *(((100 - i, i), (0, 0)) for i in range(40))))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("h")
        await settle(pilot)
        heading, a, b, *_ = glyphs(app.results.query_one(ClassHistory))
        assert heading.split()[-1] == "40"
        assert {"··", "░░", "▒▒"} <= set(a.split()), "the accuracy falls"
        assert set(b.split()) == {"b", "–"}


async def test_one_evaluation_has_no_other() -> None:
    """No key for other evaluations is offered where there are none."""
    app = ResultsApp(finished_record(epochs=1))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        assert not {"Earlier", "Later"} & set(app.keys)


# The images behind it


def with_predictions(record: RunRecord) -> RunRecord:
    """Return the record with evaluations that name predictions; there are none."""
    named = KeptPredictions("iteration-000000000001.safetensors", "0" * 64)
    record.evaluations[:] = [dataclasses.replace(done, predictions=named) for done in record.evaluations]
    return record


async def test_images_of_what_is_under_the_cursor() -> None:
    """`g` shows the images of all classes; Enter those of the class, the cell or the pair under the cursor."""
    app = ResultsApp(with_predictions(finished_record()))
    bird, cat, dog = (CLASSES.index(name) for name in ("bird", "cat", "dog"))
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("g", "ctrl+end", "enter")
        assert app.called == ["images 3 None None surely wrong", f"images 3 {bird} None surely wrong"]
        app.called.clear()
        await pilot.press("m", "down", "right", "right", "enter", "left", "left", "enter")
        assert app.called == [f"images 3 {cat} {dog - 1} surely wrong", f"images 3 {cat} {cat - 1} surely wrong"]
        app.called.clear()
        await pilot.press("right", "enter", "tab", "right", "enter")
        assert app.called == [f"images 3 {cat} {cat} surely right", f"images 3 {dog} {cat} surely wrong"]
        app.called.clear()
        await pilot.press("h", "left", "enter")
        assert app.called == [f"images 2 {cat} None surely wrong"]


async def test_images_by_mouse() -> None:
    """A click on a pair shows its images, a second click on a cell of the map those of the cell."""
    app = ResultsApp(with_predictions(finished_record()))
    cat, deer, dog = (CLASSES.index(name) for name in ("cat", "deer", "dog"))
    async with app.run_test(size=NARROW) as pilot:
        await pilot.press("m")
        await settle(pilot)
        await pilot.click(ConfusedPairs, offset=(4, 1))
        assert app.called == [f"images 3 {cat} {dog} surely wrong"]
        for _ in range(2):
            await pilot.click(ConfusionMap, offset=(8 + 7 * 4 + 4, 2 + cat))
        assert app.called[1:] == [f"images 3 {cat} {deer} surely wrong"]


async def test_no_images_in_an_older_run() -> None:
    """Where no predictions were kept, the keys say so and which key still helps."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("enter")
        await settle(pilot)
        assert app.called == []
        (told,) = app._notifications
        assert told.message.startswith("The run kept no predictions of this evaluation")


# What is where


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
        assert "Range" not in app.keys
        assert await shown("m") == only_map
        assert isinstance(app.focused, ConfusionMap)
        assert "Class" in app.keys
        assert not {"Order", "Reverse", "Range"} & set(app.keys)
        assert await shown("c") == chart
        assert {"Range", "Log scale"} <= set(app.keys)
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
        loss_keys = {"Range", "Log scale", "Smoother", "Rougher"}
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


# Keys


async def test_class_details() -> None:
    """`d` shows what a class was taken for and what was taken for it; each list says what its percentages are of."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("O", "ctrl+home", "d")
        await settle(pilot)
        text = drawn(app)
        assert "418 of 1,000 test images recognised, 41.8 %" in text
        assert "% of its 1,000 images" in text
        assert "% of 659 taken for bird" in text
        first, second, third, *_ = details(app)
        assert first == ["bird", "418", "41.8", "%", "bird", "418", "63.4", "%"]
        assert second[:4] == ["deer", "121", "12.1", "%"]
        assert third[:4] == ["dog", "108", "10.8", "%"]
        await pilot.press("escape")
        assert app.screen is app.results


async def test_arrows_step_through_the_classes() -> None:
    """The arrow keys step through the classes of the table; after closing, its cursor is on the class shown last."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        order = app.column(0)
        await pilot.press("d")
        await settle(pilot)
        for key, place in (("down", 1), ("right", 2), ("left", 1), ("up", 0), ("up", 9), ("left", 8)):
            await pilot.press(key)
            await settle(pilot)
            assert f"─ {order[place]} ─" in drawn(app)
            assert f"{place + 1} of 10" in drawn(app)
        await pilot.press("escape")
        await settle(pilot)
        assert app.table.class_index == CLASSES.index(order[8])


async def test_keys_of_the_app() -> None:
    """`e`, `n`, `q`, Esc and F1 do what they do everywhere."""
    app = ResultsApp(finished_record())
    async with app.run_test(size=NARROW) as pilot:
        await settle(pilot)
        await pilot.press("e", "n", "f1", "escape", "q")
        assert app.called == ["export runs/brisk-heron", "new run", "help", "back", "leave"]


async def test_losses_that_are_not_numbers() -> None:
    """A run with NaN or infinite losses is shown."""
    record = finished_record()
    losses = record._log.loss_buffer._values
    losses[100:2_000] = np.nan
    losses[3_000] = np.inf
    app = ResultsApp(record)
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "not finite" in drawn(app)


async def test_facts_are_plain_text() -> None:
    """What the record says is never taken for markup."""
    app = ResultsApp(finished_record(config={**run_started().config, "model": "[red]cnn[/red]"}))
    async with app.run_test(size=WIDE) as pilot:
        await settle(pilot)
        assert "[red]cnn[/red] · 4 epochs · batch size 32 · learning rate 0.001" in str(
            app.results.query_one("#facts", Static).render()
        )
