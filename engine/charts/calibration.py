"""The reliability diagram: how often a network is right, by how sure it is."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.charts.axes import Axis, percent_axis
from engine.charts.plot import Band, Colour, Layer, Line, Marks, Note, Plot, Room
from engine.record.metrics.calibration import BINS, Calibration

_TICK_COLUMNS = 12
"""Characters between two ticks of the confidence, at least."""

_EDGE = 0.08
"""The share of a bin that is left free between two bars."""


class CalibrationChart:
    """The contract of `engine.charts.plot.Chart`: bars of accuracy, a diagonal where both are the same, bin sizes."""

    def __init__(self, calibration: Calibration | None = None, hint: str = "") -> None:
        """`hint` is shown while there is no calibration."""
        self.calibration, self.hint = calibration, hint

    def plot(self, room: Room) -> Plot:
        step = 20 if room.columns >= 5 * _TICK_COLUMNS else 50
        x = Axis("confidence", 0, 100, percent_axis("confidence", 15 if step == 20 else 6).ticks)
        return Plot(
            name="calibration",
            x=x,
            left=percent_axis("right", room.rows) if self.calibration else None,
            right=None,
            layers=tuple(self._layers(self.calibration, room)) if self.calibration else (),
            notes=tuple(self._notes(self.calibration)) if self.calibration else (),
            mode="sure →",
            hint=self.hint,
        )

    def _layers(self, calibration: Calibration, room: Room) -> Iterator[Layer]:
        width = 100 / BINS
        points = 100 * (np.arange(room.points) + 0.5) / room.points
        bins = np.minimum((points / width).astype(np.int64), BINS - 1)
        within = points / width - bins
        # Bars with gaps between them, where there is room for gaps.
        inside = (within >= _EDGE) & (within <= 1 - _EDGE) | (room.points < 6 * BINS)
        heights = np.where(inside, calibration.accuracy[bins], np.nan)
        yield Band(points, np.where(np.isnan(heights), np.nan, 0.0), heights, Colour.BAND, "right")
        yield Line(points, points, Colour.LINE, "sure = right")
        shares = 100 * calibration.counts / max(1, int(calibration.counts.sum()))
        middles = (np.arange(BINS) + 0.5) * width
        filled = np.flatnonzero(calibration.counts)
        x, y = tuple(middles[filled].tolist()), tuple(shares[filled].tolist())
        yield Marks(x, y, ("",) * len(x), "◇", "left", Colour.TRAINING, "share of images")

    @staticmethod
    def _notes(calibration: Calibration) -> Iterator[Note]:
        counts, n = calibration.counts, max(1, int(calibration.counts.sum()))
        sure, right = (
            float(np.nansum(counts * values)) / n for values in (calibration.confidence, calibration.accuracy)
        )
        yield Note(f"expected error {calibration.error:.1f} points")
        yield Note(f"sure {sure:.1f} %, right {right:.1f} %")
