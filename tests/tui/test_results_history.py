"""The results screen: earlier evaluations."""

from __future__ import annotations

import pytest

from engine.record.record import RunRecord
from tests.records import CLASSES, finished_record, live_log
from tests.results_screen import (
    NARROW,
    WIDE,
    ResultsApp,
    drawn,
    evaluated,
    glyphs,
    settle,
)
from tui.widgets.class_history import ClassHistory


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
async def test_results_of_a_run_that_trains(size: tuple[int, int]) -> None:
    """The newest evaluation of a live run is followed, an earlier one stays where a person chose it."""
    log, all_of_it = live_log(3_200), finished_record().evaluations
    record = RunRecord(log)
    record.catch_up()
    app = ResultsApp(record)
    async with app.run_test(size=size) as pilot:
        await settle(pilot)
        assert "training · after epoch 2 of 4" in drawn(app)
        await pilot.press("h")
        log.event(all_of_it[2])
        record.catch_up()
        await pilot.pause(0.7)
        assert "training · after epoch 3 of 4" in drawn(app)
        assert f"{all_of_it[2].correct:,} of 10,000" in drawn(app)
        assert glyphs(app.results.query_one(ClassHistory))[0].split() == ["1", "2", "3"]
        await pilot.press("[")
        log.event(all_of_it[3])
        record.catch_up()
        await pilot.pause(0.7)
        assert "after epoch 2 of 4" in drawn(app)
        assert glyphs(app.results.query_one(ClassHistory))[0].split() == ["1", "2", "3", "4"]


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
