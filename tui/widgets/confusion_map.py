"""The confusion matrix as a heat map in cells."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from textual.binding import BindingType

from engine.record.evaluation import Evaluation, percent
from engine.text import clean
from tui.look.cells import initials, shortened
from tui.look.colours import Ramp, depth_of
from tui.widgets.heat_map import GLYPH_CELLS, OPEN, HeatMap, Place

SHADES = ((0.4, "█"), (0.2, "▓"), (0.1, "▒"), (0.03, "░"), (0.0, "·"))
"""If the counts do not fit, a cell shows a glyph: the first whose share of the true class's images is reached."""

MOST_CELLS = 8
MOST_NAME_CELLS = 14


def shade(count: int, total: int) -> str:
    """Return the glyph for `count` of `total` images; a blank only for none, so that a single mistake is seen."""
    return next(glyph for share, glyph in SHADES if count >= share * total) if count else " "


class ConfusionMap(HeatMap):
    """The matrix: rows are the true classes, columns the predicted ones.

    A column is headed by the name of its class, or its first letters. If those do not tell the classes apart, rows and
    columns are numbered by class index. A cell's colour is the stronger, the larger its share of the row's images: one
    colour on the diagonal, another for the mistakes. If the counts do not fit, a glyph shows the share, twice on the
    diagonal, so that the map can be read without colour.
    """

    BINDINGS: ClassVar[list[BindingType]] = [OPEN]

    def __init__(self, evaluation: Evaluation, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names: tuple[str, ...] = ()
        self._take(evaluation)
        self.border_title = "true class ↓  taken for →"

    def show(self, evaluation: Evaluation) -> None:
        """Show another evaluation. The cursor stays where it is."""
        self._take(evaluation)
        self.lay_out()

    def choose(self, index: int) -> None:
        """Move the cursor to the recognised images of the class `index`."""
        self.cursor = Place(index, index)

    def _take(self, evaluation: Evaluation) -> None:
        self._matrix = matrix = evaluation.matrix
        self._totals = [sum(row) for row in matrix]
        counts = np.array(matrix)
        self._number_cells = len(str(counts.max()))
        # Mistakes are rarer than hits: the largest share of a mistake gets the full colour.
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        np.fill_diagonal(shares, 0)
        self._worst = float(shares.max())
        if evaluation.classes != self._names:
            self._names = evaluation.classes
            self._short = shortened(self._names, MOST_NAME_CELLS)

    @property
    def shows_numbers(self) -> bool:
        """Whether the counts fit into the cells."""
        return self._cells > self._number_cells

    def headings(self, width: int, height: int) -> tuple[Sequence[str], Sequence[str], int]:
        count = len(self._names)
        longest = max(cell_len(clean(name)) for name in self._names)
        name_cells = max(2, min(longest, MOST_NAME_CELLS, width // 4))
        numbers = [f"{i:>{len(str(count - 1))}}" for i in range(count)]
        scrollbar = count + 1 > height
        room = (width - name_cells - 1 - scrollbar) // count
        fits = room > self._number_cells
        cells = min(room, max(MOST_CELLS, self._number_cells + 2)) if fits else GLYPH_CELLS
        columns, rows = initials(self._names, cells - 1), shortened(self._names, name_cells)
        if columns is None:
            cells = max(cells, len(numbers[0]) + 1)
            rows = [f"{number} {name}" for number, name in zip(numbers, rows, strict=True)]
        return rows, columns or numbers, cells

    def words(self) -> str:
        """The cell under the cursor, and what the glyphs mean where both fit, else the glyphs until it is focused."""
        (row, column), names = self.cursor, self._short
        count, total = self._matrix[row][column], self._totals[row]
        what = f"{names[row]} recognised" if row == column else f"{names[row]} → {names[column]}"
        words = f"{what}: {count:,} of {total:,}, {percent(count, total):.1f} %"
        if self.shows_numbers:
            return words
        legend = (
            "  ".join(f"{glyph} {f'{100 * share:.0f}' if share else 'some'}" for share, glyph in SHADES[::-1]) + " %"
        )
        both = f"{words} ─ {legend}"
        return both if cell_len(both) <= self.outer_size.width - 6 else words if self.has_focus else legend

    def cell(self, row: int, column: int) -> tuple[str, Style]:
        count, total, right = self._matrix[row][column], self._totals[row], row == column
        share = count / total if total else 0.0
        strength = share if right else share / self._worst if self._worst else 0.0
        kind: Ramp = "right" if right else "wrong"
        bold = Style(bold=right)
        # The square root makes rare mistakes, which are the ones to find, visible; of 16 colours even the weakest is.
        strength = strength if depth_of(self.app) == "16" else math.sqrt(strength)
        if self.shows_numbers:
            return f"{count or '':>{self._cells - 1}}", self.filled(kind, strength) + bold
        return shade(count, total) * (2 if right else 1), self.inked(kind, strength) + bold
