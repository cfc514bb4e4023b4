"""A plot at one size as characters, and the colour of each of them."""

from __future__ import annotations

from collections.abc import Mapping
from textwrap import wrap
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from engine.charts.axes import Axis
from engine.charts.plot import RUNS, Band, Chart, Colour, Hairlines, Layer, Line, Marks, Plot, Room, Values
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

_DASH = 2
"""Cells that one of several lines takes before it is the turn of another."""

_LABEL_WIDTH = 4
"""Room for `0.25`: with less, the canvas would change its width as the losses fall."""


class Changed(NamedTuple):
    """The part of a row that looks different: cells from `first` to before `end`."""

    row: int
    first: int
    end: int


class _Drawn:
    """One layer as it was drawn last."""

    def __init__(self, rows: int, columns: int) -> None:
        self.glyphs = blank(rows, columns)
        self.made_of: object = None
        self.low = self.high = np.full(columns * DOTS_ACROSS, -1, dtype=np.int64)


class CellPicture:
    """A chart on `rows` by `columns` characters; at least one of each.

    `glyphs` and `colours` (values of `Colour`), both of shape (rows, columns), are the picture after the last `draw`.
    A frame costs what is new: a layer is drawn again only where it looks different, and the axes only if they changed.
    """

    def __init__(self, rows: int, columns: int) -> None:
        self._size = rows, columns
        self._framed = rows >= _FRAMED_ROWS and columns >= _FRAMED_COLUMNS
        self.glyphs = blank(rows, columns)
        self.colours = np.zeros((rows, columns), dtype=np.uint8)
        self.plot: Plot | None = None
        """What was drawn last."""
        self._label_widths = (_LABEL_WIDTH, 0)
        """Of the left and the right axis. The left one only grows, so that the canvas seldom changes its size."""
        self._frame = self.glyphs
        self._framed_for: object = None
        self._drawn: list[_Drawn] = []

    def draw(self, chart: Chart) -> list[Changed]:
        """Draw the chart as it is now; returns what looks different."""
        plot = chart.plot(self._room())
        while (widths := self._widths(plot)) != self._label_widths:
            self._label_widths = widths
            plot = chart.plot(self._room())
        self.plot = plot
        if plot.left is None:
            return self._hint(plot.hint)
        self._draw_frame(plot)
        for layer, drawn in zip(plot.layers, self._drawn, strict=True):
            self._draw_layer(layer, drawn, plot)
        return self._compose(plot)

    # Axes

    def _canvas(self) -> tuple[int, int]:
        """Rows and columns that the axes leave."""
        rows, columns = self._size
        if not self._framed:
            return rows, columns
        across, down = frame_size(*self._label_widths)
        return rows - down, columns - across

    def _room(self) -> Room:
        rows, columns = self._canvas()
        return Room(points=columns * DOTS_ACROSS, columns=columns, rows=rows)

    def _widths(self, plot: Plot) -> tuple[int, int]:
        """The widths of the labels that this plot needs."""
        left = max([self._label_widths[0], *(len(tick.label) for tick in plot.left.ticks)]) if plot.left else 0
        right = max((len(tick.label) for tick in plot.right.ticks), default=0) if plot.right else 0
        return (max(left, self._label_widths[0]), right) if self._framed else self._label_widths

    def _draw_frame(self, plot: Plot) -> None:
        """Draw the axes if they are not those of the last frame; then nothing of the layers can stay."""
        kinds = tuple(type(layer) for layer in plot.layers)
        if (plot.x, plot.left, plot.right, kinds) == self._framed_for:
            return
        self._framed_for = plot.x, plot.left, plot.right, kinds
        rows, columns = self._canvas()
        self._drawn = [_Drawn(rows, columns) for _ in plot.layers]
        if self._framed:
            left = [Label(each.fraction, each.text.rjust(self._label_widths[0])) for each in _labels(plot.left)]
            self._frame = draw_frame(rows, columns, left=left, right=_labels(plot.right), below=_labels(plot.x))

    # Layers

    def _draw_layer(self, layer: Layer, drawn: _Drawn, plot: Plot) -> None:
        rows, columns = self._canvas()
        match layer:
            case Hairlines() if layer != drawn.made_of:
                drawn.glyphs = draw_hairlines(rows, columns, plot.x.fractions(layer.x).tolist())
                drawn.made_of = layer
            case Marks():
                marks = [other for other in plot.layers if isinstance(other, Marks)]
                if drawn.made_of != (layer, marks):
                    drawn.made_of = layer, marks
                    own = _latest(layer, plot, columns)
                    others = [place for other in marks if other is not layer for place in _latest(other, plot, columns)]
                    texts = [layer.texts[i] for i in own.values()]
                    drawn.glyphs = draw_marks(rows, columns, [*own], texts, layer.sign, others)
            case Band():
                low = self._dots(plot, layer.x, layer.low)
                self._draw_strokes(drawn, *_joined(low, self._dots(plot, layer.x, layer.high)))
            case Line():
                low, high = _joined(*[self._dots(plot, layer.x, layer.y)] * 2)
                if not layer.thin:  # two dots thick: the line stands out from the band
                    high = np.where(high >= 0, np.minimum(high + 1, rows * DOTS_DOWN - 1), high)
                self._draw_strokes(drawn, low, high)

    def _draw_strokes(self, drawn: _Drawn, low: Dots, high: Dots) -> None:
        """Draw the columns of characters where the strokes are others now."""
        changed = np.flatnonzero((low != drawn.low) | (high != drawn.high))
        drawn.low, drawn.high = low, high
        if len(changed):
            start, stop = int(changed[0]) // DOTS_ACROSS, int(changed[-1]) // DOTS_ACROSS + 1
            dots = slice(start * DOTS_ACROSS, stop * DOTS_ACROSS)
            drawn.glyphs[:, start:stop] = draw_strokes(len(drawn.glyphs), low[dots], high[dots])

    def _dots(self, plot: Plot, x: Values, y: Values) -> Dots:
        """The row of dots for each column of dots. Points that are farther apart are joined by straight lines."""
        assert plot.left is not None
        rows, columns = self._canvas()
        heights = plot.left.fractions(y) * (rows * DOTS_DOWN - 1)
        across = columns * DOTS_ACROSS
        # The 1e-9: a point between two columns belongs to the right one, however it is rounded.
        at = np.minimum((plot.x.fractions(x) * across + 1e-9).astype(np.int64), across - 1)
        heights = np.interp(np.arange(across), at, heights, left=np.nan, right=np.nan)
        heights[np.isnan(heights)] = -1
        return heights.round().astype(np.int64)

    # The whole

    def _compose(self, plot: Plot) -> list[Changed]:
        glyphs = self._frame.copy() if self._framed else blank(*self._size)
        colours = np.full(self._size, Colour.AXIS, dtype=np.uint8)
        rows, columns = self._canvas()
        left = frame_size(self._label_widths[0], 0)[0] if self._framed else 0
        inside = slice(0, rows), slice(left, left + columns)
        turns = self._turns(plot)
        for i, (layer, drawn) in enumerate(zip(plot.layers, self._drawn, strict=True)):
            shown = drawn.glyphs != " "
            if i in turns:
                shown &= turns[i]
            glyphs[inside][shown] = drawn.glyphs[shown]
            colours[inside][shown] = layer.colour
        return self._show(glyphs, colours)

    def _turns(self, plot: Plot) -> Mapping[int, NDArray[np.bool_]]:
        """Where the line of each run is shown, by the layer's number: cells that several fill they take in turns.

        So one that lies under another is still seen, as dashes.
        """
        lines = [i for i, layer in enumerate(plot.layers) if isinstance(layer, Line) and layer.colour in RUNS]
        if len(lines) < 2:
            return {}
        shown = np.stack([self._drawn[i].glyphs != " " for i in lines])
        sharing = np.maximum(shown.sum(axis=0), 1)
        turn = np.arange(shown.shape[2]) // _DASH % sharing
        its_turn = np.cumsum(shown, axis=0) - 1 == turn
        return dict(zip(lines, its_turn, strict=True))

    def _hint(self, text: str) -> list[Changed]:
        self._framed_for = None
        glyphs = blank(*self._size)
        rows, columns = self._size
        lines = wrap(text, columns)
        if len(lines) <= rows:
            for row, line in enumerate(lines, (rows - len(lines) + 1) // 2):
                start = (columns - len(line)) // 2
                glyphs[row, start : start + len(line)] = list(line)
        return self._show(glyphs, np.full(self._size, Colour.AXIS, dtype=np.uint8))

    def _show(self, glyphs: Glyphs, colours: NDArray[np.uint8]) -> list[Changed]:
        different = (glyphs != self.glyphs) | (colours != self.colours)
        self.glyphs, self.colours = glyphs, colours
        rows = np.flatnonzero(different.any(axis=1))
        first = different[rows].argmax(axis=1)
        end = different.shape[1] - different[rows, ::-1].argmax(axis=1)
        return [Changed(*changed) for changed in zip(rows.tolist(), first.tolist(), end.tolist(), strict=True)]


def _latest(layer: Marks, plot: Plot, columns: int) -> dict[tuple[float, float], int]:
    """The places of marks, (across, up) from 0 to 1, with their indices; of those in one column the last."""
    side = plot.left if layer.side == "left" else plot.right
    assert side is not None
    x, y = plot.x.fractions(layer.x).tolist(), side.fractions(layer.y).tolist()
    return {(x[i], y[i]): i for i in {int(across * columns): i for i, across in enumerate(x)}.values()}


def _labels(axis: Axis | None) -> list[Label]:
    if axis is None:
        return []
    fractions = axis.fractions([tick.value for tick in axis.ticks]).tolist()
    return [Label(fraction, tick.label) for fraction, tick in zip(fractions, axis.ticks, strict=True)]


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
