"""The results screen: how good the network is, and the keys."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from textual.widgets import Static

from engine.config import TrainingConfig
from engine.record.events import EpochTrained, Evaluated, Finished
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
from tests.results_screen import (
    NARROW,
    SHORT,
    WIDE,
    ResultsApp,
    details,
    drawn,
    settle,
)


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
        chart_keys = ["Zoom", "Scale", "Smoother", "Smoother", "Rougher"]
        assert app.keys == [*chart_keys, "Use", "Export", "New", "Help", "Back", "Leave"]
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
