"""Constants against a result: a small field of points for each constant, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from rich.cells import cell_len
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip
from textual.widget import Widget

from engine.text import clean
from tui.look.cells import cropped

_GAP = 2
_LEAST = 14
"""Columns of a field at least; if there is no room for all, the last ones are left out."""
_MOST = 36
_DOTS = ((0x01, 0x08), (0x02, 0x10), (0x04, 0x20), (0x40, 0x80))
"""Bits of a braille character, from the upper row down."""


@dataclass(frozen=True)
class Field:
    """One constant: where its points lie, across and up from 0 to 1, and the values named below them."""

    name: str
    points: Sequence[tuple[float, float]]
    labels: Sequence[tuple[float, str]]
    best: int | None = None
    """Which of the points is shown in the colour of marks."""


class AgainstFields(Widget):
    """One field for each constant, as many as fit: up is better or worse as the numbers at the left say."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    AgainstFields { height: 8; background: $background; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._fields: Sequence[Field] = ()
        self._range = ("", "")
        self._strips: dict[tuple[int, int], list[Strip]] = {}

    def show(self, fields: Sequence[Field], lowest: str, highest: str) -> None:
        """Show these fields. `lowest` and `highest` are the results at their lower and upper edges."""
        if (fields, (lowest, highest)) != (self._fields, self._range):
            self._fields, self._range = fields, (lowest, highest)
            self._strips.clear()
            self.refresh()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def render_line(self, y: int) -> Strip:
        width, height = self.size
        if (width, height) not in self._strips:
            self._strips = {(width, height): self._drawn(width, height)}
        strips = self._strips[width, height]
        return strips[y] if y < len(strips) else Strip.blank(width, self.rich_style)

    def _drawn(self, width: int, height: int) -> list[Strip]:
        colours = self.app.theme_variables
        plain, marked = self.rich_style, self.rich_style + Style(color=colours["warning"], bold=True)
        dots = self.rich_style + Style(color=colours["primary"])
        margin = max(map(cell_len, self._range)) + 1
        count = min(len(self._fields), (width - margin) // (_LEAST + _GAP))
        rows = height - 2
        if count < 1 or rows < 1:
            return []
        each = min(_MOST, (width - margin) // count - _GAP)
        lines: list[list[Segment]] = [[] for _ in range(height)]
        edges = {1: self._range[1], rows: self._range[0]}
        for y, line in enumerate(lines):
            line.append(Segment(f"{edges.get(y, ''):>{margin - 1}} ", plain))
        for field in self._fields[:count]:
            name = cropped(clean(field.name), each)
            lines[0].append(Segment(name + " " * (each - cell_len(name)), plain + Style(bold=True)))
            cells = _cells(field.points, rows, each)
            best = None if field.best is None else _place(field.points[field.best], rows, each)
            for y in range(rows):
                for x in range(each):
                    is_best = (y, x) == best
                    sign = "◆" if is_best else cells.get((y, x), "─" if y == rows - 1 else " ")
                    lines[1 + y].append(Segment(sign, marked if is_best else dots if (y, x) in cells else plain))
            lines[-1].append(Segment(_below(field.labels, each), plain))
            for line in lines:
                line.append(Segment(" " * _GAP, plain))
        return [Strip(Segment.simplify(line)).adjust_cell_length(width, plain) for line in lines]


def _place(point: tuple[float, float], rows: int, columns: int) -> tuple[int, int]:
    across, up = point
    return rows - 1 - min(rows - 1, int(up * rows)), min(columns - 1, int(across * columns))


def _cells(points: Sequence[tuple[float, float]], rows: int, columns: int) -> Mapping[tuple[int, int], str]:
    """Return the characters of the points, by row and column."""
    codes: dict[tuple[int, int], int] = {}
    for across, up in points:
        x = min(2 * columns - 1, max(0, int(across * 2 * columns)))
        y = 4 * rows - 1 - min(4 * rows - 1, max(0, int(up * 4 * rows)))
        cell = y // 4, x // 2
        codes[cell] = codes.get(cell, 0) | _DOTS[y % 4][x % 2]
    # A single dot of braille is hard to see.
    return {cell: "•" if code.bit_count() == 1 else chr(0x2800 + code) for cell, code in codes.items()}


def _below(labels: Sequence[tuple[float, str]], columns: int) -> str:
    """Return the line below a field: each label under its place, shortened if there is no room."""
    line = [" "] * columns
    room = columns // max(1, len(labels))
    for at, text in labels:
        shown = cropped(clean(text), max(1, room - (len(labels) > 1)))
        start = min(columns - cell_len(shown), max(0, int(at * columns) - cell_len(shown) // 2))
        for i, letter in enumerate(shown):
            if start + i < columns:
                line[start + i] = letter
    return "".join(line)
