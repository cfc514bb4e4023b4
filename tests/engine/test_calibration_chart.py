"""What the reliability diagram declares, whatever draws it."""

from __future__ import annotations

import numpy as np

from engine.charts.calibration import CalibrationChart
from engine.charts.plot import Band, Line, Marks, Room
from engine.record.classified import Classified
from engine.record.metrics.calibration import calibration

ROOM = Room(points=150, columns=75, rows=20)


def classified(confidences: list[float], right: list[bool]) -> Classified:
    """Return images of two classes, all predicted to be the first, so sure and so right."""
    sure = np.array(confidences, dtype=np.float32)
    labels = np.where(right, 0, 1).astype(np.int64)
    return Classified(("a", "b"), labels, np.zeros(len(labels), dtype=np.int64), np.stack([sure, 1 - sure], axis=1))


def test_bars_are_accuracies() -> None:
    """A bar is as high as the accuracy of its images, a mark as high as their share; empty ranges have neither."""
    found = calibration(classified([0.99, 0.98, 0.97, 0.96, 0.63], [True, True, True, False, False]))
    plot = CalibrationChart(found).plot(ROOM)
    band, line, marks = plot.layers
    assert isinstance(band, Band)
    assert isinstance(line, Line)
    assert isinstance(marks, Marks)
    heights = {int(x // (100 / 15)): high for x, high in zip(band.x, band.high, strict=True) if not np.isnan(high)}
    assert heights == {14: 75.0, 9: 0.0}
    assert dict(zip(marks.x, marks.y, strict=True)) == {100 * 9.5 / 15: 20.0, 100 * 14.5 / 15: 80.0}
    assert np.array_equal(line.x, line.y)


def test_told_in_numbers() -> None:
    """The title tells the expected error, how sure the network was on average, and how right."""
    plot = CalibrationChart(calibration(classified([0.9, 0.9], [True, False]))).plot(ROOM)
    assert [note.text for note in plot.notes] == ["expected error 40.0 points", "sure 90.0 %, right 50.0 %"]


def test_why_there_is_none() -> None:
    """Without predictions the reason stands in the place of the chart."""
    plot = CalibrationChart(hint="nothing was kept").plot(ROOM)
    assert (plot.left, plot.layers, plot.hint) == (None, (), "nothing was kept")
