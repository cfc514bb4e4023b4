"""The accuracy of each class over the evaluations, as a heat map in cells."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

import numpy as np
from rich.cells import cell_len
from rich.style import Style
from textual.binding import BindingType

from engine.record.evaluation import ClassAccuracy, Evaluation
from engine.text import clean
from tui.look.cells import shortened
from tui.look.colours import glyph
from tui.widgets.heat_map import GLYPH_CELLS, OPEN, HeatMap, Place

NUMBER_CELLS = 4
"""Cells of a column that shows whole percents."""
MOST_CELLS = 6
MOST_NAME_CELLS = 14
WEAKEST = 0.08
"""Share of the colour of the lowest accuracy in sight, so that it is told from no accuracy."""


class ClassHistory(HeatMap):
    """A row a class, a column an evaluation. The colour runs from the lowest accuracy in the map to the highest.

    Moving the cursor to another column is choosing that evaluation. If the numbers do not fit, only the colour is
    shown, or without colours a glyph.
    """

    BINDINGS: ClassVar[list[BindingType]] = [OPEN]

    def __init__(
        self, evaluations: Sequence[Evaluation], headings: Sequence[str], whens: Sequence[str], *, id: str | None = None
    ) -> None:
        """`headings` names each evaluation in a few letters, `whens` in words. There is at least one."""
        super().__init__(id=id)
        self._names = evaluations[0].classes
        self._short = shortened(self._names, MOST_NAME_CELLS)
        self.show(evaluations, headings, whens)

    def show(self, evaluations: Sequence[Evaluation], headings: Sequence[str], whens: Sequence[str]) -> None:
        """Show these evaluations: all of before, and newer ones."""
        self._results: list[tuple[ClassAccuracy, ...]] = [each.per_class for each in evaluations]
        self._headings, self._whens = headings, whens
        percents = np.array([[one.accuracy if one.total else np.nan for one in each] for each in self._results])
        known = percents[~np.isnan(percents)]
        self._low, self._high = (float(known.min()), float(known.max())) if len(known) else (0.0, 0.0)
        self.border_title = f"accuracy by class, from {self._low:.0f} to {self._high:.0f} %   epoch →"

    def choose(self, row: int, column: int) -> None:
        """Move the cursor to a class and an evaluation."""
        self.cursor = Place(row, column)

    def headings(self, width: int, height: int) -> tuple[Sequence[str], Sequence[str], int]:
        longest = max(cell_len(clean(name)) for name in self._names)
        name_cells = max(2, min(longest, MOST_NAME_CELLS, width // 4))
        rows = shortened(self._names, name_cells)
        scrollbar = len(rows) + 1 > height
        room = (width - name_cells - 1 - scrollbar) // len(self._headings)
        cells = min(room, MOST_CELLS) if room >= NUMBER_CELLS else GLYPH_CELLS
        return rows, self._headings, max(cells, 1 + max(map(len, self._headings)))

    def words(self) -> str:
        row, column = self.cursor
        one = self._results[column][row]
        told = f"{one.accuracy:.1f} %, {one.correct:,} of {one.total:,}" if one.total else "no images"
        return f"{self._short[row]} {self._whens[column]}: {told}"

    def cell(self, row: int, column: int) -> tuple[str, Style]:
        one = self._results[column][row]
        if not one.total:
            return f"{'–':>{self._cells - 1}}", Style()
        spread = (one.accuracy - self._low) / (self._high - self._low) if self._high > self._low else 1.0
        style = self.filled("right", WEAKEST + (1 - WEAKEST) * spread)
        if self._cells >= NUMBER_CELLS:
            return f"{one.accuracy:.0f}".rjust(self._cells - 1), style
        return (" " if style.bgcolor else glyph(max(spread, 0.01))) * (self._cells - 1), style
