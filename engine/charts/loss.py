"""The loss chart: each loss in a band, a smoothed line over it, the epochs, and what was measured at their ends."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.charts.axes import (
    Axis,
    epoch_limits,
    highest_usual,
    iteration_axis,
    number,
    percent_axis,
    value_axis,
)
from engine.charts.changed import Change, ChangeMarks
from engine.charts.measured import Measured, MeasuredMarks, Trained
from engine.charts.plot import Band, Colour, Hairlines, Layer, Line, Marks, Note, Plot, Room, Values
from engine.charts.reference import ReferenceCurve
from engine.charts.windows import Window, default_window, limits, next_window
from engine.record.bins import SPANS, Bins, Summary, level_for
from engine.record.series import Series


class LossCurve:
    """The loss over a run of `iterations`, `batches` of them an epoch."""

    def __init__(self, iterations: int, batches: int) -> None:
        self.iterations = max(1, iterations)
        self.batches = max(1, batches)
        self.log_scale = False
        self.losses = Series()
        self._measured = MeasuredMarks()
        self._changes: Sequence[Change] = ()
        self._evaluations: Sequence[Measured] = ()
        self.reference: ReferenceCurve | None = None
        """An earlier run, behind this one."""
        self._window: Window | None = None
        self._smoothing: int | None = None

    def show(
        self,
        losses: NDArray[np.float32],
        evaluations: Sequence[Measured],
        trained: Sequence[Trained] = (),
        changes: Sequence[Change] = (),
    ) -> None:
        """Take in all losses so far, shape (n,), all evaluations, all epochs' training accuracies and all changes of
        constants.

        Only what is new costs time.
        """
        self._changes, self._evaluations = changes, evaluations
        self.losses.extend(losses)
        self._measured.show(evaluations, trained)

    # Modes

    @property
    def window(self) -> Window:
        """The part of the run that is shown: chosen by a person, or by how far the run is."""
        return self._window or default_window(len(self.losses.values), self.iterations)

    @property
    def limits(self) -> tuple[int, int]:
        """The iterations that are shown, from one up to another."""
        return limits(self.window, len(self.losses.values), self.iterations)

    @property
    def smoothing(self) -> int:
        """A level of smoothing, an index of `SPANS`: chosen, or right for a run that ends where the chart does."""
        return level_for(self.limits[1]) if self._smoothing is None else self._smoothing

    def next_window(self) -> None:
        """Choose the next part of the run; from now on it changes only by choice."""
        self._window = next_window(self.window, len(self.losses.values), self.iterations)

    def toggle_log_scale(self) -> None:
        self.log_scale = not self.log_scale

    def smooth(self, direction: int) -> None:
        """Smooth over more iterations (1) or fewer (-1)."""
        self._smoothing = max(0, min(self.smoothing + direction, len(SPANS) - 1))

    @property
    def summary(self) -> Summary:
        return self.losses.summary(SPANS[self.smoothing])

    # The declaration

    def plot(self, room: Room) -> Plot:
        bins = self.losses.bins(*self.limits, room.points, SPANS[self.smoothing])
        marks = self._measured.layers(bins.first, bins.end)
        behind = self._behind(bins, room)
        left = self._loss_axis(bins, marks, behind, room)
        return Plot(
            name="loss",
            x=iteration_axis(bins.first, bins.end, self.batches, room.columns),
            left=left,
            right=percent_axis("accuracy", room.rows) if any(layer.side == "right" for layer in marks) else None,
            layers=tuple(self._layers(bins, left, marks, behind, room)) if left else (),
            notes=tuple(self._notes()),
            mode=self.window + (", log scale" if self.log_scale else ""),
            hint="no loss to draw yet" if len(self.losses.values) else "no iteration recorded yet",
        )

    def _behind(self, bins: Bins, room: Room) -> tuple[Values, Values] | None:
        """The curve of the reference, x and y, shape (n,) each."""
        if self.reference is None or self.log_scale:
            return None
        return self.reference.values(bins.first, bins.end, room.points, SPANS[self.smoothing], self.batches)

    def _loss_axis(
        self, bins: Bins, marks: tuple[Marks, ...], behind: tuple[Values, Values] | None, room: Room
    ) -> Axis | None:
        """The axis of the losses in sight, outliers left out; None while there is none to draw."""
        measured = [value for layer in marks if layer.side == "left" for value in layer.y]
        low, high = np.append(bins.low, measured), np.append(bins.high, measured)
        if self.log_scale:
            high = high[high > 0]
            low = np.append(low[low > 0], high)
        if np.isnan(high).all():
            return None
        if behind is not None and not np.isnan(behind[1]).all():
            low = np.append(low, np.nanmin(behind[1]))
        top = float(np.nanmax(high)) if self.log_scale else highest_usual(low, high)
        return value_axis("loss", float(np.nanmin(low)), top, room.rows, log=self.log_scale)

    def _layers(
        self,
        bins: Bins,
        left: Axis,
        marks: tuple[Marks, ...],
        behind: tuple[Values, Values] | None,
        room: Room,
    ) -> Iterator[Layer]:
        ends = epoch_limits(bins.first, bins.end, self.batches, room.columns)
        yield Hairlines(tuple(ends), tuple(f"epoch {end // self.batches + 1:,}" for end in ends), Colour.EPOCH)
        changed = ChangeMarks(self._changes, bins.first, bins.end)
        yield from changed.lines()

        x, low, high, smoothed = bins.middles, bins.low.copy(), bins.high.copy(), bins.smoothed.copy()
        above = high > left.high
        smoothed[smoothed > left.high] = np.nan
        if self.log_scale:  # losses of 0 and below have no logarithm
            low[high <= 0] = np.nan
            high[high <= 0] = np.nan
            smoothed[smoothed <= 0] = np.nan
        yield Band(x, low, high, Colour.BAND, "each iteration")
        if self.reference is not None and behind is not None:
            yield from self.reference.layer(*behind, left.high)
        span = SPANS[self.smoothing]
        yield Line(x, smoothed, Colour.LINE, f"smoothed over {span:,}" if span > 1 else "not smoothed")
        if above.any():
            outliers, top = tuple(x[above].tolist()), number(float(high[above].max()))
            texts, heights = ("",) * len(outliers), (left.high,) * len(outliers)
            yield Marks(outliers, heights, texts, "▲", "left", Colour.WARNING, f"above the axis, up to {top}")
        yield from changed.marks(left.high)
        yield from marks

    def _notes(self) -> Iterator[Note]:
        numbers = self.summary
        if numbers.now is not None:
            yield Note(f"now {number(numbers.now)}")
        if numbers.not_finite:
            yield Note(f"{numbers.not_finite:,} not finite", warning=True)
        if numbers.smoothed is not None:
            arrow = {True: " ↓", False: " ↑", None: ""}[numbers.falling]
            yield Note(f"smoothed {number(numbers.smoothed)}{arrow}")
        if self.reference is not None:
            done = len(self.losses.values)
            span = SPANS[self.smoothing]
            yield from self.reference.notes(numbers.smoothed, span, done, self.batches, self._evaluations)
        if numbers.lowest is not None:
            yield Note(f"lowest {number(numbers.lowest)} at {numbers.lowest_at:,}")
