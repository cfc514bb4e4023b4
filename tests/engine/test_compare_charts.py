"""Curves over each other, as data."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest

from engine.charts.compared import ComparedCurves, RunCurve
from engine.charts.plot import RUNS, Line, Marks, Plot, Room
from engine.record.events import EpochTrained, Paused, Resumed, RunResumed
from engine.record.record import RunRecord
from engine.record.timeline import Timeline
from engine.storage.tail import read
from tests.records import finished_record, live_log, live_record, run_started
from tests.saved_runs import answers, save_run

ROOM = Room(points=60, columns=80, rows=12)


def curves(*records: Sequence[RunRecord]) -> ComparedCurves:
    return ComparedCurves([RunCurve("ABC"[i], f"run {i}", i, each) for i, each in enumerate(records)])


def lines(plot: Plot) -> list[Line]:
    return [layer for layer in plot.layers if isinstance(layer, Line)]


def test_curves_over_each_other() -> None:
    """Each run has a line in its own colour, with its letter at the end; the losses now are told in the title."""
    plot = curves([finished_record()], [live_record(3_000)]).plot(ROOM)
    first, second = lines(plot)
    assert (first.colour, second.colour) == RUNS[:2]
    assert first.legend == "A run 0"
    assert plot.x.high == first.x[-1] + (first.x[-1] - first.x[-2]) / 2 == pytest.approx(6_252)
    assert second.x[-1] < 3_000
    marks = [layer for layer in plot.layers if isinstance(layer, Marks)]
    assert [layer.texts for layer in marks] == [("A",), ("B",)]
    assert marks[0].x == (first.x[-1],)
    assert marks[1].x < (second.x[-1],)  # letters do not cover each other where curves end together
    assert [note.text[:2] for note in plot.notes] == ["A ", "B "]
    assert plot.name == "loss, smoothed over 100"


def test_other_batch_sizes_are_compared_by_epoch() -> None:
    """Where an epoch has other iterations, the curves lie over each other by the images seen."""
    chart = curves([finished_record()], [finished_record(batches=100)])
    assert chart.by == "epoch"
    plot = chart.plot(ROOM)
    assert plot.x.high == 4
    assert all(line.x[-1] == pytest.approx(4, abs=0.1) for line in lines(plot))


def test_the_mean_over_seeds(tmp_path: Path) -> None:
    """Several seeds are one curve, their mean."""
    records = [read(save_run(tmp_path, f"r{seed}", answers(0.6, seed), seed=seed)) for seed in range(3)]
    alone = [curves([record]) for record in records]
    for chart in alone:
        chart.level = 0
    together = curves(records)
    together.level = 0
    expected = np.mean([lines(chart.plot(ROOM))[0].y for chart in alone], axis=0)
    np.testing.assert_allclose(lines(together.plot(ROOM))[0].y, expected)
    together.quantity = "accuracy"
    (line,) = lines(together.plot(ROOM))
    assert line.x.tolist() == [100, 200]
    assert line.y[-1] == pytest.approx(np.mean([record.accuracy for record in records if record.accuracy]))


def test_by_seconds(tmp_path: Path) -> None:
    """By seconds a run that is twice as fast is half as wide; evaluations take no time there."""
    slow, fast = (read(save_run(tmp_path, name, speed=speed)) for name, speed in (("slow", 0.02), ("fast", 0.01)))
    chart = curves([slow], [fast])
    chart.by = "seconds"
    plot = chart.plot(ROOM)
    assert plot.x.high == pytest.approx(4)
    assert [line.x[-1] for line in lines(plot)] == [pytest.approx(4, abs=0.1), pytest.approx(2, abs=0.1)]


def test_pauses_and_interruptions_are_no_training() -> None:
    """Seconds of training leave out pauses, and what a resumed run does before it goes on."""
    log = live_log(1_000, evaluations=False)
    log.event(Paused(seconds=8.0, iteration=1_000))
    log.event(Resumed(seconds=100.0, iteration=1_000))
    log.event(RunResumed(seconds=130.0, at="", epoch=1, iteration=1_000, device=run_started().device, versions={}))
    log.event(EpochTrained(seconds=132.5, epoch=1, iteration=1_500, correct=0, total=1))
    record = RunRecord(log)
    record.catch_up()
    assert Timeline(record).seconds(np.array([0.0, 500.0, 1_000.0, 1_500.0])).tolist() == pytest.approx(
        [0, 2.5, 5, 7.5]
    )


def test_a_run_that_tells_no_times_yet() -> None:
    """Before the first event of training a run has no place by seconds, which is said."""
    chart = curves([live_record(100)])
    chart.by = "seconds"
    plot = chart.plot(ROOM)
    assert plot.left is None
    assert plot.hint == "no run tells its times yet"


def test_a_run_that_diverged() -> None:
    """One run whose losses are huge or not finite does not flatten the others, and is drawn where it can be."""
    good = finished_record()
    bad = live_record(3_000)
    values = bad._log.loss_buffer._values
    values[1_000:2_000], values[2_000:3_000] = 1e12, np.nan
    plot = curves([good], [bad]).plot(ROOM)
    assert plot.left is not None
    assert plot.left.high < 30
    assert len(lines(plot)) == 2


@pytest.mark.parametrize("quantity", ["loss", "accuracy", "test loss"])
def test_nothing_to_draw(quantity: str) -> None:
    """A run without a loss or an evaluation says what is missing."""
    chart = curves([live_record(0)])
    while chart.quantity != quantity:
        chart.next_quantity()
    plot = chart.plot(ROOM)
    assert plot.left is None
    assert plot.hint == f"no run has a known {quantity} yet"
