"""Warnings while a run goes wrong: what is told, when, and that nothing is told of a run that goes well."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.export.formats.report_md import report_md
from engine.record.evaluation import ConfusionMatrix
from engine.record.events import BatchDone, EpochTrained, Evaluated, Finished
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.record.warnings.trend import Trend
from tests.records import finished_record, made_up_losses, made_up_matrix, run_started

BATCHES = 250
GOOD = made_up_matrix(10, 0.5, 100)
GUESSED: ConfusionMatrix = tuple(tuple(10 for _ in range(10)) for _ in range(10))
ONE_CLASS: ConfusionMatrix = tuple((0, 0, 0, 100, *(0 for _ in range(6))) for _ in range(10))


def run_of(
    losses: NDArray[np.float32],
    evaluations: dict[int, dict[str, Any]] | None = None,
    **changes: Any,
) -> RunRecord:
    """The record of a run with these losses; the fields of `evaluations` by the epoch after which they were made."""
    epochs = -(-len(losses) // BATCHES)
    log = RunLog()
    log.event(run_started(batches=BATCHES, epochs=max(epochs, 4), **changes))
    log.losses(losses)
    for epoch in range(1, epochs + 1):
        after: dict[str, Any] = {"seconds": float(epoch), "epoch": epoch, "iteration": epoch * BATCHES}
        if after["iteration"] > len(losses):
            break
        log.event(EpochTrained(**after, correct=epoch, total=100))
        if (values := (evaluations or {}).get(epoch)) is not None:
            log.event(Evaluated(**{"duration": 1, "matrix": GOOD, **after, **values}))
    record = RunRecord(log)
    record.catch_up()
    return record


def flat(level: float, count: int) -> NDArray[np.float32]:
    """Losses that stay where they are, with the noise of batches."""
    return (level + np.random.default_rng(1).normal(0, 0.05, count)).astype(np.float32)


FALLING = made_up_losses(5 * BATCHES)


def test_nothing_is_said_of_a_run_that_goes_well() -> None:
    """A loss that falls and accuracies that rise are no reason to warn."""
    assert (finished_record().warned, finished_record().warnings) == ([], ())
    record = run_of(FALLING, {epoch: {"loss": 1.0 / epoch} for epoch in range(1, 6)})
    assert (record.warned, record.warnings) == ([], ())


def test_a_loss_that_does_not_fall() -> None:
    """After an epoch without progress a person reads it, with the numbers; before, it is too early to say."""
    assert run_of(flat(2.303, BATCHES - 1)).warnings == ()
    (said,) = run_of(flat(2.303, BATCHES)).warnings
    assert said.startswith("The loss does not fall: 2.3")
    assert said.endswith("Another learning rate may help.")
    (line,) = run_of(flat(2.303, 3 * BATCHES)).warned
    assert line.startswith("Warning: The loss does not fall")


def test_a_warmup_may_take_its_time() -> None:
    """A loss that stays during the warmup is not judged before an epoch after it."""
    slow: dict[str, Any] = {"config": TrainingConfig(warmup=2.0).as_json()}
    assert run_of(flat(2.303, 2 * BATCHES), **slow).warnings == ()
    assert len(run_of(flat(2.303, 3 * BATCHES), **slow).warnings) == 1


def test_a_loss_that_rises_again() -> None:
    """A training that came apart is told with where it was best; one that only wavers is not."""
    apart = np.concatenate([FALLING[: 2 * BATCHES], flat(2.2, BATCHES)])
    (said,) = run_of(apart).warnings
    assert said.startswith("The loss rises again: ")
    assert "2.19" in said
    assert "iteration 500" in said
    wavers = np.concatenate([FALLING[: 4 * BATCHES], FALLING[200 : 200 + BATCHES]])
    assert run_of(wavers).warnings == ()


def test_a_run_that_goes_on_from_another() -> None:
    """A network that was trained before begins with a small loss, which need not fall much nor stay at its lowest."""
    learnt = flat(0.65, 3 * BATCHES)
    assert run_of(learnt).warnings == ()
    assert run_of(np.concatenate([learnt, flat(0.60, BATCHES), flat(0.75, BATCHES)])).warnings == ()
    assert len(run_of(np.concatenate([learnt, flat(2.2, BATCHES)])).warnings) == 1


def test_a_warning_ends_and_is_told_again() -> None:
    """What goes well again is no warning any more, though its line stays; if it comes back, it is told again."""
    losses = np.concatenate([flat(2.303, BATCHES), FALLING, flat(2.3, BATCHES), FALLING[-BATCHES:], flat(2.3, BATCHES)])
    told = [line.split(":")[1].strip() for line in run_of(losses).warned]
    assert told == ["The loss does not fall", "The loss rises again", "The loss rises again"]
    well_again = run_of(losses[: 6 * BATCHES])
    assert (well_again.warnings, len(well_again.warned)) == ((), 1)


def test_one_class_for_every_image() -> None:
    """A network that takes every image for the same class is told so, by its name, and only that."""
    record = run_of(FALLING[:BATCHES], {1: {"matrix": ONE_CLASS}})
    assert record.warnings == ("The network takes every test image for cat.",)
    nearly = (*ONE_CLASS[:9], (5, *ONE_CLASS[9][1:3], 95, *ONE_CLASS[9][4:]))
    assert run_of(FALLING[:BATCHES], {1: {"matrix": nearly, "split": "validation"}}).warnings == (
        "The network takes 99.5 % of the validation images for cat.",
    )


def test_images_of_one_class() -> None:
    """Where nearly all images are of one class, taking them for it is no mistake."""
    classes, matrix = ("cat", "dog"), ((1_000, 0), (5, 0))
    record = run_of(FALLING[:BATCHES], {1: {"matrix": matrix}}, classes=classes)
    assert not any("takes" in said for said in record.warnings)


def test_no_better_than_guessing() -> None:
    """An accuracy that guessing reaches as well is told with both numbers; after a few iterations it is none yet."""
    (said,) = run_of(FALLING[:BATCHES], {1: {"matrix": GUESSED}}).warnings
    assert said.startswith("The network is no better than guessing: 10.0 % of the test images, and 10.0 % are")
    early = run_of(FALLING[:BATCHES])
    early.apply(Evaluated(seconds=1, duration=1, epoch=1, iteration=20, matrix=GUESSED, asked=True))
    assert early.warnings == ()
    # 90 of 100 are cats: 91 % is no better than saying cat each time.
    unequal = ((88, 2), (7, 3))
    assert len(run_of(FALLING[:BATCHES], {1: {"matrix": unequal}}, classes=("cat", "dog")).warnings) == 1


def test_a_test_loss_that_rises_for_epochs() -> None:
    """Memorizing is told after three worse epochs, not after one or two, nor for a loss that only wavers."""
    falling = made_up_losses(8 * BATCHES)

    def said(*losses: float | None, **of_each: Any) -> tuple[str, ...]:
        return run_of(falling, {i: {"loss": loss, **of_each} for i, loss in enumerate(losses, 1)}).warnings

    assert said(1.0, 0.9, 0.95, 0.99) == ()
    (told,) = said(1.0, 0.9, 0.95, 0.99, 1.02)
    assert told == (
        "The test loss was lowest after epoch 2: 0.900 then, 1.020 now. The network memorizes the training images."
    )
    assert said(1.0, 0.9, 0.91, 0.9, 0.91, 0.93) == ()
    assert said(1.0, 0.9, 0.95, 0.99, 1.02, 0.88) == ()
    assert said(0.9, 1.0, None, 1.0, 1.0) != ()
    assert said(1.0, 0.9, 0.95, 0.99, 1.02, asked=True) == ()
    assert said(1.0, 0.9, 0.95, 0.99, 1.02, split="validation")[0].startswith("The validation loss")


def test_the_result_is_not_measured_alike() -> None:
    """The loss of the result, from six views or of other images, is not compared with those before."""
    falling = made_up_losses(5 * BATCHES)
    alike = {i: {"loss": loss} for i, loss in enumerate((0.9, 0.95, 0.99), 1)}
    assert run_of(falling, {**alike, 4: {"loss": 2.0, "views": 6}}).warnings == ()


def test_the_same_from_the_disk_and_live() -> None:
    """A run that is read back, all losses at once, tells the same as one that was watched, loss by loss."""
    losses = np.concatenate([FALLING[: 2 * BATCHES], flat(2.2, 2 * BATCHES)])
    whole = run_of(losses, {2: {"loss": 1.0}})
    log = RunLog()
    live = RunRecord(log)
    for event in whole._log.events:
        if isinstance(event, EpochTrained):
            for start in range(len(log.loss_buffer), event.iteration, 30):
                log.losses(losses[start : min(start + 30, event.iteration)])
                live.catch_up()
        log.event(event)
        live.catch_up()
    assert live.warned == whole.warned
    assert live.lines == whole.lines


def test_losses_of_a_damaged_file() -> None:
    """Losses that are no numbers are no reason to fail, nor to warn."""
    for wrong in (np.nan, np.inf, -np.inf, 3e38):
        losses = FALLING[: 2 * BATCHES].copy()
        losses[100:300:7] = wrong
        losses[0] = -wrong
        run_of(losses)
    trend = Trend()
    trend.extend(np.zeros(0, dtype=np.float32))
    trend.extend(np.full(19, 2.0, dtype=np.float32))
    assert trend.read == 0


def test_each_loss_is_read_once() -> None:
    """However long a run is, a look costs only what is new."""
    trend, losses = Trend(), made_up_losses(6_000)
    for end in (*range(0, 6_000, 7), 6_000):
        trend.extend(losses[:end])
    whole = Trend()
    whole.extend(losses)
    assert (trend.start, trend.lowest, trend.now, trend.lowest_at) == (
        whole.start,
        whole.lowest,
        whole.now,
        whole.lowest_at,
    )
    assert trend.read == 6_000
    assert whole.now == pytest.approx(float(losses[-100:].mean()), abs=1e-6)


def test_what_was_wrong_at_the_end_stands_in_the_report() -> None:
    """A report says what to look at: what was wrong at the end, not what went well again."""
    record = run_of(flat(2.303, 4 * BATCHES), {4: {"matrix": ONE_CLASS}})
    record.apply(Finished(seconds=9, status="completed", iterations=1_000, train_seconds=1, evaluation_seconds=1))
    assert len(record.warnings) == 2
    assert all(f"> {said}" in report_md(record) for said in record.warnings)


def test_a_line_of_the_notebook_is_a_moment_to_look() -> None:
    """In a long epoch it is told at the next line of the log, not only at its end."""
    log = RunLog()
    log.event(replace(run_started(), batches=100_000))
    log.losses(flat(2.303, 2_000))
    record = RunRecord(log)
    for batch in (500, 1_000, 1_500, 2_000):
        log.event(BatchDone(seconds=1, epoch=1, epochs=4, batch=batch, batches=100_000, loss=2.3))
        record.catch_up()
        assert len(record.warnings) == (batch == 2_000)
