"""The run behind the live curve: which one it is, and how far ahead of it another run is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.charts.loss import LossCurve
from engine.charts.plot import Colour, Line, Room
from engine.charts.reference import ReferenceCurve
from engine.record.events import RunStarted
from engine.storage.marks import pin
from engine.use.reference import reference_for
from tests.charts import EpochAccuracy
from tests.records import made_up_losses, run_started
from tests.saved_runs import answers, save_run

ROOM = Room(points=80, columns=90, rows=12)


def started() -> RunStarted:
    """Return the start of a run the day after those that `save_run` makes, on the same images."""
    return run_started(at="2026-03-15T00:00:00+01:00")


def test_the_best_earlier_run(tmp_path: Path) -> None:
    """Of the completed earlier runs on the same images, the one with the best accuracy of the test images."""
    save_run(tmp_path, "good", answers(0.7))
    save_run(tmp_path, "best", answers(0.8))
    save_run(tmp_path, "elsewhere", answers(0.95), fingerprint="c0" * 32)
    save_run(tmp_path, "later", answers(0.95), at="2026-03-16T00:00:00+01:00")
    save_run(tmp_path, "half", answers(0.95), status="interrupted")
    save_run(tmp_path, "now", answers(0.95))
    torn = save_run(tmp_path, "torn", answers(0.95))
    (torn / "events.jsonl").write_text("no journal\n")
    found = reference_for(tmp_path / "now", started())
    assert found is not None
    assert (found.name, found.is_pinned, len(found.record.losses)) == ("best", False, 200)


def test_the_pinned_run_goes_first(tmp_path: Path) -> None:
    """A pinned run is the reference, if it had the same images."""
    save_run(tmp_path, "best", answers(0.8))
    pin(save_run(tmp_path, "chosen", answers(0.6)))
    found = reference_for(tmp_path / "now", started())
    assert found is not None
    assert (found.name, found.is_pinned) == ("chosen", True)
    pin(save_run(tmp_path, "elsewhere", answers(0.6), fingerprint="c0" * 32))
    found = reference_for(tmp_path / "now", started())
    assert found is not None
    assert found.name == "best"


def test_no_reference(tmp_path: Path) -> None:
    """The first run on its images has none."""
    save_run(tmp_path, "elsewhere", answers(0.9), fingerprint="c0" * 32)
    assert reference_for(tmp_path / "now", started()) is None
    assert reference_for(tmp_path / "nowhere" / "now", started()) is None


def curve(reference: ReferenceCurve, losses: int = 1_000, batches: int = 1_563) -> LossCurve:
    """Return the chart of a run after so many losses, a tenth above those of the reference, in front of it."""
    chart = LossCurve(4 * batches, batches)
    chart.show(1.1 * made_up_losses(4 * batches)[:losses], [EpochAccuracy(batches, 60.0)] if losses >= batches else [])
    chart.reference = reference
    return chart


def behind(chart: LossCurve) -> Line | None:
    return next((x for x in chart.plot(ROOM).layers if isinstance(x, Line) and x.colour is Colour.REFERENCE), None)


def test_a_thin_line_and_words() -> None:
    """The reference is a thin line behind the smoothed one, and the title says how far behind it this run is."""
    chart = curve(ReferenceCurve("brisk-heron", made_up_losses(6_252), 1_563, {}, why="pinned"))
    plot = chart.plot(ROOM)
    lines = [layer for layer in plot.layers if isinstance(layer, Line)]
    assert [(line.colour, line.thin) for line in lines] == [(Colour.REFERENCE, True), (Colour.LINE, False)]
    assert lines[0].legend == "brisk-heron (pinned)"
    assert np.nanmax(lines[0].x) > 1_000  # it shows what is to come
    smoothed = chart.summary.smoothed
    assert smoothed is not None
    notes = [note.text for note in plot.notes]
    assert notes[2] == f"{smoothed - smoothed / 1.1:.2f} behind brisk-heron"


def test_another_batch_size() -> None:
    """A run with twice the images a batch is compared where it has seen as many images."""
    chart = curve(ReferenceCurve("heron", made_up_losses(6_252)[1::2], 1_563 // 2, {}), batches=1_562)
    line = behind(chart)
    assert line is not None
    assert line.x[~np.isnan(line.y)].max() > 6_000
    assert any("behind heron" in note.text for note in chart.plot(ROOM).notes)
    short = curve(ReferenceCurve("heron", made_up_losses(500), 1_563, {}))
    assert not any("heron" in note.text for note in short.plot(ROOM).notes)


def test_accuracies_after_the_same_epoch() -> None:
    """After an epoch the title says by how many points of accuracy this run is ahead or behind."""
    for accuracy, told in ((58.0, "2.0 points ahead"), (61.5, "1.5 points behind"), (60, "as accurate")):
        chart = curve(ReferenceCurve("heron", made_up_losses(6_252), 1_563, {("test", 1_563): accuracy}), 1_600)
        assert told in [note.text for note in chart.plot(ROOM).notes]
    other = curve(ReferenceCurve("heron", made_up_losses(6_252), 1_563, {("validation", 1_563): 50.0}), 1_600)
    assert not any("points" in note.text for note in other.plot(ROOM).notes)


def test_losses_that_do_not_compare() -> None:
    """With another label smoothing only accuracies are compared."""
    reference = ReferenceCurve("heron", made_up_losses(6_252), 1_563, {("test", 1_563): 58.0}, same_loss=False)
    chart = curve(reference, 1_600)
    assert behind(chart) is None
    assert [note.text for note in chart.plot(ROOM).notes][2] == "2.0 points ahead"


def test_level_with_the_reference() -> None:
    """The same losses are level, also where the reference has losses that are not finite."""
    losses = made_up_losses(6_252)
    losses[100:200] = np.nan
    chart = LossCurve(6_252, 1_563)
    chart.show(losses[:1_000], [])
    chart.reference = ReferenceCurve("heron", losses, 1_563, {})
    assert "level with heron" in [note.text for note in chart.plot(ROOM).notes]
    assert chart.plot(ROOM).left is not None


@pytest.mark.parametrize("losses", [0, 1])
def test_at_the_very_start(losses: int) -> None:
    """Before the first iterations nothing is said that is not known."""
    chart = curve(ReferenceCurve("heron", made_up_losses(6_252), 1_563, {}), losses)
    plot = chart.plot(ROOM)
    assert (plot.left is None) == (losses == 0)
