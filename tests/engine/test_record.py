"""A run's record follows from its events, however often a reader catches up."""

from __future__ import annotations

import json
import threading

import numpy as np
import pytest
from pydantic import ValidationError

from engine.control import Control
from engine.record.event_json import from_json, to_json
from engine.record.events import BatchDone, Evaluated, EvaluationStarted, Event, Failed, Notice, RunStarted
from engine.record.log import RunLog
from engine.record.losses import Losses
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.training.trainer import train
from tests.engine.test_training import QUICK
from tests.images import made_up_images
from tests.records import live_record


def finished_log() -> RunLog:
    log = RunLog()
    train(QUICK, made_up_images(200, 40), log, Control())
    return log


def test_record_does_not_depend_on_how_often_one_looks() -> None:
    """Looking after every event or once at the end gives the same record."""
    log = finished_log()
    often_log, once = RunLog(), RunRecord(log)
    once.catch_up()
    often = RunRecord(often_log)
    for event in log.events:
        often_log.event(event)
        assert often.catch_up() == [event]
    assert often.catch_up() == []
    assert (often.status, often.lines, often.evaluations, often.closing) == (
        once.status,
        once.lines,
        once.evaluations,
        once.closing,
    )


def test_status_follows_the_run() -> None:
    """The status names what goes on at each moment."""
    log, record = RunLog(), None
    seen = []
    for event in finished_log().events:
        log.event(event)
        record = RunRecord(log)
        record.catch_up()
        seen.append(record.status)
    assert seen == [
        *("training", "training", "training", "evaluating", "training"),
        *("training", "training", "evaluating", "training", "completed"),
    ]
    assert RunRecord(RunLog()).status == "preparing"


def test_every_event_survives_json() -> None:
    """What the journal holds is what the run said."""
    events: list[Event] = [
        *finished_log().events,
        Notice(seconds=1.0, text="ü\x1b[31m\n"),
        Failed(seconds=2, reason="x"),
    ]
    assert [from_json(to_json(event)) for event in events] == [(event, ()) for event in events]


@pytest.mark.parametrize("line", ["", "{}", "[]", '{"event":"finished"}', "\x00", '{"event":1}', "[" * 300])
def test_what_is_no_event_is_refused(line: str) -> None:
    """A line that is no event is an error of the one expected kind."""
    with pytest.raises(ValueError):  # noqa: PT011 - pydantic and its parser word it differently
        from_json(line)


def test_names_that_this_version_does_not_know() -> None:
    """An event of a newer version is named, and of an event with new fields the known ones are read."""
    assert from_json('{"event":"rate_changed","to":0.1}') == (None, ("rate_changed",))
    line = to_json(Notice(seconds=1.0, text="x")).replace(b"}", b',"level":"warning","by":"x"}')
    assert from_json(line) == (Notice(seconds=1.0, text="x"), ("notice.by", "notice.level"))


def test_accuracy_is_in_the_json_of_an_evaluation() -> None:
    """A script that reads the events gets the accuracy without adding up the matrix."""
    done = Evaluated(seconds=1, duration=1, epoch=1, iteration=3, matrix=((1, 1), (0, 2)))
    told = json.loads(to_json(done))
    assert (told["accuracy"], told["correct"], told["total"]) == (75.0, 3, 4)
    assert from_json(to_json(done)) == (done, ())


def test_when_an_evaluation_happened() -> None:
    """After whole epochs the epoch is named, within one the iteration."""
    record = live_record(batches=313, epochs=10)
    told = [
        record.when(Evaluated(seconds=1, duration=1, epoch=1, iteration=iteration, matrix=()))
        for iteration in (313, 2_191, 2_108, 2_190, 1)
    ]
    assert told == [
        *("after epoch 1", "after epoch 7", "after 6.7 epochs (iteration 2,108)"),
        *("after 6.9 epochs (iteration 2,190)", "after 0.0 epochs (iteration 1)"),
    ]


def test_loss_that_is_not_finite_is_strict_json() -> None:
    """A journal never holds NaN or infinity, words that JSON does not have, and none is read from one."""
    for loss in (float("nan"), float("inf")):
        with pytest.raises(ValidationError):
            BatchDone(seconds=0, epoch=1, epochs=1, batch=500, batches=500, loss=loss)
    line = to_json(BatchDone(seconds=0, epoch=1, epochs=1, batch=500, batches=500, loss=1.5))
    with pytest.raises(ValueError, match="expected value"):
        from_json(line.replace(b"1.5", b"NaN"))


def test_losses_are_read_while_they_are_written() -> None:
    """A reader beside the writer sees a prefix of the losses, whole at every moment."""
    losses = Losses(200_000)
    wrong: list[int] = []

    def read() -> None:
        while len(losses) < 200_000:
            values = losses.values()
            if not np.array_equal(values, np.arange(len(values), dtype=np.float32)):
                wrong.append(len(values))

    reader = threading.Thread(target=read)
    reader.start()
    for start in range(0, 200_000, 100):
        losses.append(np.arange(start, start + 100, dtype=np.float32))
    reader.join()
    assert wrong == []
    assert not losses.values().flags.writeable
    assert losses.values(199_998).tolist() == [199_998, 199_999]


def test_time_left_counts_the_evaluations_in() -> None:
    """The time left is that of the iterations to come and of the evaluations to come."""
    whole = finished_log()
    log = RunLog()
    record, pace = RunRecord(log), Pace()
    evaluations = 0
    for event in whole.events:
        log.event(event)
        if isinstance(event, Evaluated):
            evaluations += 1
            break
    log.losses(whole.loss_buffer.values()[:7])
    record.catch_up()
    assert record.started is not None
    assert (record.started.iterations, evaluations) == (14, 1)
    pace.look(10.0, record)
    assert pace.seconds_left(10.0, record) is None
    log.losses(whole.loss_buffer.values()[7:9])
    pace.look(12.0, record)
    assert pace.iterations_per_second == 1.0
    assert pace.images_per_second(record) == pytest.approx(200 / 7)
    left = pace.seconds_left(12.0, record)
    assert left == pytest.approx((14 - 9) / 1.0 + record.evaluations[-1].duration)


def test_speed_of_epochs_that_last_a_moment() -> None:
    """The speed is known also where no epoch lasts half a second, and evaluations come in between."""
    log = RunLog()
    record, pace = RunRecord(log), Pace()
    started = next(event for event in finished_log().events if isinstance(event, RunStarted))
    log.event(started)
    record.catch_up()
    for epoch in range(1, 5):
        for seconds in (0.0, 0.2):
            pace.look(epoch + seconds, record)
            log.losses(np.ones(1, dtype=np.float32))
        record.apply(EvaluationStarted(seconds=epoch + 0.4, epoch=epoch, iteration=2 * epoch, images=1))
        pace.look(epoch + 0.5, record)
        record.apply(Evaluated(seconds=epoch + 0.9, duration=0.5, epoch=epoch, iteration=2 * epoch, matrix=()))
    assert pace.iterations_per_second == pytest.approx(1 / 0.2)
