"""The picture of a part of a run at one size: characters, and what each of them belongs to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.record.bins import LossBins, LossHistory
from tui.charts.axes import Axis, epoch_limits, iteration_axis, loss_axis, percent_axis
from tui.charts.canvas import (
    DOTS_ACROSS,
    DOTS_DOWN,
    Glyphs,
    Label,
    blank,
    draw_frame,
    draw_hairlines,
    draw_marks,
    draw_strokes,
    frame_size,
)

Dots = NDArray[np.int64]
"""One number for every column of braille dots: the row of dots, counted from the bottom, or -1 for none."""

_FRAMED_ROWS, _FRAMED_COLUMNS = 7, 26
"""From here on there is room for axes."""

_LABEL_WIDTH = 4
"""Room for `0.25`: with fewer characters the canvas would change its width as the losses fall."""


@dataclass(frozen=True)
class EpochAccuracy:
    """Accuracy on the test images, in percent, after so many iterations."""

    iteration: int
    accuracy: float


class Part(IntEnum):
    """What a character belongs to; it decides the colour."""

    AXIS = 0
    EPOCH = 1
    BAND = 2
    LINE = 3
    ACCURACY = 4


class Changed(NamedTuple):
    """The part of a row that looks different: cells from `first` to before `end`."""

    row: int
    first: int
    end: int


class LossPlot:
    """The iterations from `first` up to `end` on `rows` by `columns` characters; at least one of each.

    `glyphs` and `parts` (values of `Part`), both of shape (rows, columns), are the picture after the last `update`.
    With a `history` of the same losses, the first picture needs no look at each of them.
    """

    def __init__(
        self,
        rows: int,
        columns: int,
        *,
        first: int,
        end: int,
        batches: int,
        span: int,
        log: bool = False,
        history: LossHistory | None = None,
    ) -> None:
        self.window = first, end
        self._history = history
        self._batches = batches
        self._span = span
        self._log = log
        self._size = rows, columns
        self._framed = rows >= _FRAMED_ROWS and columns >= _FRAMED_COLUMNS
        self._label_width = _LABEL_WIDTH
        self.glyphs = blank(rows, columns)
        self.parts = np.zeros((rows, columns), dtype=np.uint8)

        self.has_marks = False
        """Whether an accuracy was measured in sight."""
        self._axis: Axis | None = None
        self._canvas = (0, 0)
        self._accuracies: tuple[EpochAccuracy, ...] = ()
        self._fit()

    def _fit(self) -> bool:
        """Take the canvas that the axes leave; whether it is another now, with nothing on it."""
        canvas = self._inside()
        if canvas == self._canvas:
            return False
        rows, columns = self._canvas = canvas
        self.bins = LossBins(*self.window, columns * DOTS_ACROSS, self._span, self._history)
        self._frame = blank(*self._size)
        self._hairlines, self._band, self._line, self._marks = (blank(rows, columns) for _ in range(4))
        return True

    def update(self, losses: NDArray[np.float32], accuracies: Sequence[EpochAccuracy]) -> list[Changed]:
        """Take in what is new among all losses and accuracies so far; returns what looks different now."""
        accuracies = tuple(accuracies)
        self.has_marks = any(self._holds(mark) for mark in accuracies)
        if self._axis is None:
            self._fit()  # for good, unless the labels turn out wider
        changed = self.bins.extend(losses)
        axis = self._loss_axis()
        if axis is None:
            return self._hint("waiting for the first iteration" if not len(losses) else "no loss to draw yet")
        left, right = self._labels(axis)
        resized = self._fit()
        if resized:
            self.bins.extend(losses)
        anew = resized or axis != self._axis
        self._axis = axis
        if anew:
            self._draw_around(left, right)
            self._draw_curves(axis, 0, self._canvas[1])
        elif changed:
            self._draw_curves(axis, *self._cells(*changed))
        if resized or accuracies != self._accuracies:
            self._draw_marks(accuracies)
        self._accuracies = accuracies
        return self._compose(len(left[0].text) + 1 if left else 0)

    # Axes

    def _loss_axis(self) -> Axis | None:
        """The axis that holds every bin in sight; None while there is nothing to draw."""
        low, high = self.bins.low, self.bins.high
        if self._log:
            high = high[high > 0]
            low = np.where(low > 0, low, np.nan)
            low = np.append(low[~np.isnan(low)], high)
        if np.isnan(high).all():
            return None
        rows = self._size[0] - 2 if self._framed else self._size[0]
        return loss_axis(float(np.nanmin(low)), float(np.nanmax(high)), rows, log=self._log)

    def _labels(self, axis: Axis) -> tuple[list[Label], list[Label]]:
        if not self._framed:
            return [], []
        self._label_width = max([self._label_width, *(len(tick.label) for tick in axis.ticks)])
        left = [Label(fraction, text.rjust(self._label_width)) for fraction, text in _placed(axis)]
        return left, self._right_labels()

    def _right_labels(self) -> list[Label]:
        return [Label(*placed) for placed in _placed(percent_axis(self._size[0] - 2))] if self.has_marks else []

    def _inside(self) -> tuple[int, int]:
        """Rows and columns that the axes leave."""
        rows, columns = self._size
        if not self._framed:
            return rows, columns
        across, down = frame_size([Label(0, " " * self._label_width)], self._right_labels())
        return rows - down, columns - across

    # Layers

    def _draw_around(self, left: list[Label], right: list[Label]) -> None:
        first, end = self.window
        rows, columns = self._canvas
        limits = epoch_limits(first, end, self._batches, columns)
        self._hairlines = draw_hairlines(rows, columns, [(limit - first) / (end - first) for limit in limits])
        if self._framed:
            below = [Label(*placed) for placed in _placed(iteration_axis(first, end, self._batches, columns))]
            self._frame = draw_frame(rows, columns, left=left, right=right, below=below)

    def _cells(self, start: int, stop: int) -> tuple[int, int]:
        """The columns of characters that the bins from `start` up to `stop` touch: each is joined to its neighbours."""
        centres = self._centres()
        first = centres[max(0, start - 1)]
        last = centres[stop] if stop < len(centres) else self._canvas[1] * DOTS_ACROSS - 1
        return first // DOTS_ACROSS, last // DOTS_ACROSS + 1

    def _centres(self) -> Dots:
        """The column of dots in the middle of each bin."""
        bins = len(self.bins.low)
        return (2 * np.arange(bins, dtype=np.int64) + 1) * (self._canvas[1] * DOTS_ACROSS) // (2 * bins)

    def _draw_curves(self, axis: Axis, start: int, stop: int) -> None:
        """Draw the band and the line in the columns of characters from `start` up to `stop`."""
        rows = self._canvas[0]
        dots = slice(start * DOTS_ACROSS, stop * DOTS_ACROSS)
        low, high = _joined(self._dots(axis, self.bins.low, self.bins.high), self._dots(axis, self.bins.high))
        self._band[:, start:stop] = draw_strokes(rows, low[dots], high[dots])
        line = self._dots(axis, self.bins.smoothed)
        low, high = _joined(line, line)
        high = np.where(high >= 0, np.minimum(high + 1, rows * DOTS_DOWN - 1), high)  # two dots thick: it leads
        self._line[:, start:stop] = draw_strokes(rows, low[dots], high[dots])

    def _dots(self, axis: Axis, values: NDArray[np.float64], positive: NDArray[np.float64] | None = None) -> Dots:
        """The row of dots for each column of dots. Bins wider than a column of dots are joined by straight lines.

        On a logarithmic axis nothing is drawn where `positive` (left out: the value itself) is not above 0.
        """
        if axis.log:
            values = np.where((values if positive is None else positive) > 0, values, np.nan)
        fractions = axis.fractions(values)
        across = self._canvas[1] * DOTS_ACROSS
        if len(fractions) < across:
            fractions = np.interp(np.arange(across), self._centres(), fractions)
        rows = fractions * (self._canvas[0] * DOTS_DOWN - 1)
        return np.where(np.isnan(rows), -1, np.nan_to_num(rows).round()).astype(np.int64)

    def _draw_marks(self, accuracies: Sequence[EpochAccuracy]) -> None:
        first, end = self.window
        rows, columns = self._canvas
        shown = {}  # the latest for each column of characters
        for mark in accuracies:
            if self._holds(mark):
                across = (mark.iteration - first) / (end - first)
                shown[int(across * columns)] = (across, mark.accuracy / 100), f"{mark.accuracy:.1f} %"
        marks, texts = [mark for mark, _ in shown.values()], [text for _, text in shown.values()]
        self._marks = draw_marks(rows, columns, marks, texts)

    def _holds(self, mark: EpochAccuracy) -> bool:
        return self.window[0] < mark.iteration <= self.window[1] and 0 <= mark.accuracy <= 100

    # The whole

    def _compose(self, left: int) -> list[Changed]:
        glyphs = self._frame.copy()
        parts = np.full(self._size, Part.AXIS, dtype=np.uint8)
        rows, columns = self._canvas
        inside = slice(0, rows), slice(left, left + columns)
        for layer, part in (
            (self._hairlines, Part.EPOCH),
            (self._band, Part.BAND),
            (self._line, Part.LINE),
            (self._marks, Part.ACCURACY),
        ):
            drawn = layer != " "
            glyphs[inside][drawn] = layer[drawn]
            parts[inside][drawn] = part
        return self._show(glyphs, parts)

    def _hint(self, text: str) -> list[Changed]:
        glyphs = blank(*self._size)
        rows, columns = self._size
        if len(text) <= columns:
            start = (columns - len(text)) // 2
            glyphs[rows // 2, start : start + len(text)] = list(text)
        return self._show(glyphs, np.full(self._size, Part.AXIS, dtype=np.uint8))

    def _show(self, glyphs: Glyphs, parts: NDArray[np.uint8]) -> list[Changed]:
        different = (glyphs != self.glyphs) | (parts != self.parts)
        self.glyphs, self.parts = glyphs, parts
        rows = np.flatnonzero(different.any(axis=1))
        first = different[rows].argmax(axis=1)
        end = different.shape[1] - different[rows, ::-1].argmax(axis=1)
        return [Changed(*changed) for changed in zip(rows.tolist(), first.tolist(), end.tolist(), strict=True)]


def _placed(axis: Axis) -> list[tuple[float, str]]:
    fractions = axis.fractions(np.array([tick.value for tick in axis.ticks], dtype=np.float64))
    return [(float(fraction), tick.label) for fraction, tick in zip(fractions, axis.ticks, strict=True)]


def _joined(low: Dots, high: Dots) -> tuple[Dots, Dots]:
    """Strokes made longer until each touches the next: both halves of a gap go to the nearer stroke."""
    longer_low, longer_high = low.copy(), high.copy()
    both = (low[:-1] >= 0) & (low[1:] >= 0)

    rising = both & (high[:-1] < low[1:])
    middle = (high[:-1] + low[1:]) // 2
    longer_high[:-1] = np.where(rising, np.maximum(longer_high[:-1], middle), longer_high[:-1])
    longer_low[1:] = np.where(rising, np.minimum(longer_low[1:], middle + 1), longer_low[1:])

    falling = both & (low[:-1] > high[1:])
    middle = (low[:-1] + high[1:]) // 2
    longer_low[:-1] = np.where(falling, np.minimum(longer_low[:-1], middle + 1), longer_low[:-1])
    longer_high[1:] = np.where(falling, np.maximum(longer_high[1:], middle), longer_high[1:])
    return longer_low, longer_high
