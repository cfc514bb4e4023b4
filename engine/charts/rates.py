"""The chart of the learning-rate finder: the loss at each rate, smoothed over it, and the rate that is suggested."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.charts.axes import Axis, number, rate_axis, two_digits, value_axis
from engine.charts.plot import Band, Colour, Layer, Line, Marks, Note, Plot, Room
from engine.record.rates import DIVERGED, RATES, RateCurve

NO_SUGGESTION = "No rate is suggested: the smoothed loss never falls."

_ABOVE = 0.3
"""Of the height that the loss falls by: room above it, to see it rise again."""

_EMPTY = RateCurve()


class RateChart:
    """The contract of `engine.charts.plot.Chart`. Shows `curve`."""

    def __init__(self, curve: RateCurve = _EMPTY) -> None:
        self.curve = curve

    @property
    def progress(self) -> str:
        """How far the measurement is, in words."""
        curve = self.curve
        if not curve.losses:
            return "no iteration measured yet"
        done, rate = f"{len(curve.losses)} of {len(RATES)} iterations", two_digits(curve.rates[-1])
        return f"measuring · {done} · rate {rate} · smoothed loss {number(curve.smoothed[-1])}"

    def plot(self, room: Room) -> Plot:
        left = self._loss_axis(room)
        return Plot(
            name="loss by learning rate",
            x=rate_axis(float(RATES[0]), float(RATES[-1]), room.columns),
            left=left,
            right=None,
            layers=tuple(self._layers(left)) if left else (),
            notes=tuple(self._notes()),
            mode="",
            hint="no loss to draw",
        )

    def _loss_axis(self, room: Room) -> Axis | None:
        """The axis of the losses up to the lowest smoothed one, of all if that is the first; None before there are any.

        Those that diverge would flatten the rest.
        """
        curve = self.curve
        if not curve.losses:
            return None
        lowest = int(curve.smoothed.argmin())
        seen = curve.losses[: lowest + 1] if lowest else curve.losses
        low, high = min(seen), min(max(seen), DIVERGED * max(curve.smoothed[: lowest + 1]))
        return value_axis("loss", low, float(high + _ABOVE * (high - low)), room.rows)

    def _layers(self, left: Axis) -> Iterator[Layer]:
        curve = self.curve
        losses, smoothed = np.array(curve.losses), curve.smoothed.copy()
        for values in (losses, smoothed):
            values[values > left.high] = np.nan
        yield Band(curve.rates, losses, losses, Colour.BAND, "each iteration")
        yield Line(curve.rates, smoothed, Colour.LINE, "smoothed")
        at = curve.suggested_at if curve.ended else None
        if at is not None:
            x, y, text = (float(RATES[at]),), (float(smoothed[at]),), (two_digits(float(RATES[at])),)
            yield Marks(x, y, text, "◆", "left", Colour.ACCURACY, "suggested")

    def _notes(self) -> Iterator[Note]:
        curve = self.curve
        if not curve.losses:
            return
        lowest = int(curve.smoothed.argmin())
        yield Note(f"smoothed lowest {number(curve.smoothed[lowest])} at {two_digits(RATES[lowest])}")
        if curve.ended and len(curve.losses) < len(RATES):
            yield Note(f"diverges at {two_digits(curve.rates[-1])}", warning=True)
