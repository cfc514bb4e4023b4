"""A chart's layers as characters. plotext draws the axes; the layers between them are drawn here, cell by cell.

plotext gets places on the canvas, finite and within its limits, never values: it aborts the process on a NaN among
finite values, and raises on infinities and on numbers near a float's limits. Its state is one global figure, so this
module is not thread-safe.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import plotext
from numpy.typing import NDArray

Glyphs = NDArray[np.str_]
"""Characters, shape (rows, columns); a space where nothing is drawn."""

DOTS_ACROSS, DOTS_DOWN = 2, 4
"""Dots of a braille character."""

_BRAILLE = np.array([(0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80)], dtype=np.uint8)
"""What each dot adds to the code of its character, from the upper row down."""

plotext.terminal.limit(False, False)  # the chart's size is the widget's, not the terminal's


@dataclass(frozen=True)
class Label:
    """A text and where it belongs on an axis, 0 to 1."""

    fraction: float
    text: str


def blank(rows: int, columns: int) -> Glyphs:
    return np.full((rows, columns), " ")


def draw_strokes(rows: int, low: NDArray[np.int64], high: NDArray[np.int64]) -> Glyphs:
    """Vertical strokes in braille, one for every column of dots, from the dot `low` to the dot `high`, both included.

    Shape (2 * columns,), counted from the bottom row of dots; negative where there is no stroke. plotext takes 40 µs
    for a stroke, and a chart has hundreds of them.
    """
    columns = len(low) // DOTS_ACROSS
    up = np.arange(rows * DOTS_DOWN)[::-1, None]
    dots = (low >= 0) & (low <= up) & (up <= high)
    cells = dots.reshape(rows, DOTS_DOWN, columns, DOTS_ACROSS)
    codes = (cells * _BRAILLE[:, None, :]).sum(axis=(1, 3), dtype=np.uint8).astype(np.uint32)
    return np.where(codes, codes + ord("\u2800"), ord(" ")).view("U1")


def draw_hairlines(rows: int, columns: int, fractions: Sequence[float]) -> Glyphs:
    """Thin vertical lines over the whole height."""
    glyphs = blank(rows, columns)
    glyphs[:, [_cell(fraction, columns) for fraction in fractions]] = "┊"
    return glyphs


def draw_marks(
    rows: int,
    columns: int,
    marks: Sequence[tuple[float, float]],
    texts: Sequence[str],
    sign: str,
    others: Sequence[tuple[float, float]] = (),
) -> Glyphs:
    """A sign at each (across, up), 0 to 1, with its text over or under it; the last come first.

    A text that would hide one of these signs or of the `others` is left out.
    """
    glyphs = blank(rows, columns)
    places = [(_cell(across, columns), _cell(up, rows)) for across, up in marks]
    for x, y in places:
        glyphs[-1 - y, x] = sign
    taken = {*places, *((_cell(across, columns), _cell(up, rows)) for across, up in others)}
    for (x, y), text in reversed(list(zip(places, texts, strict=True))):
        if not text:
            continue
        # No-break spaces: the layer below would show through a space.
        shown = f" {text} ".replace(" ", "\u00a0")
        start = min(max(0, x - len(shown) // 2), columns - len(shown))
        for row in (y + 1, y - 1):
            cells = {(column, row) for column in range(start, start + len(shown))}
            if start >= 0 and 0 <= row < rows and not cells & taken:
                # No older label in these columns, at any height: labels above each other would be read as one text.
                taken |= {(column, other) for column, _ in cells for other in range(rows)}
                glyphs[-1 - row, start : start + len(shown)] = list(shown)
                break
    return glyphs


def draw_frame(
    rows: int, columns: int, *, left: Sequence[Label], right: Sequence[Label], below: Sequence[Label]
) -> Glyphs:
    """The axes around a canvas of `rows` by `columns`; `frame_size` says how much larger the result is."""
    figure = _canvas(rows, columns)
    across, down = frame_size(*(max((len(label.text) for label in labels), default=0) for labels in (left, right)))
    figure.plot_size(columns + across, rows + down)
    figure.axes(True, axis="x", side="lower")
    figure.axes(True, axis="y", side="left")
    _ticks("x", "lower", below, columns)
    _ticks("y", "left", left, rows)
    if right:
        figure.axes(True, axis="y", side="right")
        figure.ruler("y", "right").lim(0, rows).alignment(lim="edge")
        _ticks("y", "right", right, rows)
    return _built(rows + down, columns + across)


def frame_size(left: int, right: int) -> tuple[int, int]:
    """Columns and rows of axes whose labels are so wide: labels and a line at the sides, a line and labels below.

    The right axis is left out if its width is 0.
    """
    return left + 1 + (right + 1 if right else 0), 2


def _cell(fraction: float, cells: int) -> int:
    """The character that a fraction of the canvas falls into."""
    return min(int(fraction * cells), cells - 1)


def _ticks(axis: str, side: str, labels: Sequence[Label], cells: int) -> None:
    plotext.figure.ruler(axis, side).ticks(
        [_cell(label.fraction, cells) + 0.5 for label in labels], [label.text for label in labels]
    )


def _canvas(rows: int, columns: int) -> plotext.figure:
    """The one figure, emptied: no axes, one unit a character, from the lower left corner."""
    figure = plotext.figure
    figure.clear()
    figure.plot_size(columns, rows)
    figure.axes(False)
    for axis, side, cells in (("x", "lower", columns), ("y", "left", rows)):
        figure.ruler(axis, side).lim(0, cells).alignment(lim="edge").frequency(0)
    return figure


def _built(rows: int, columns: int) -> Glyphs:
    lines = plotext.figure.build().string(colorless=True).split("\n")[:rows]
    return np.array(lines, dtype=f"U{columns}").view("U1").reshape(rows, columns)
