"""The confusion matrix as a heat map in cells."""

from __future__ import annotations

import math
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.geometry import Size
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from engine.record.evaluation import Evaluation
from engine.text import clean
from tui.look.cells import begun, initials, shortened

SHADES = ((0.4, "█"), (0.2, "▓"), (0.1, "▒"), (0.03, "░"), (0.0, "·"))
"""If the counts do not fit, a cell shows a glyph: the first whose share of the true class's images is reached."""

GLYPH_CELLS = 3
"""Two letters or digits of a heading and a gap."""
MOST_CELLS = 8
MOST_NAME_CELLS = 14


def shade(count: int, total: int) -> str:
    """Return the glyph for `count` of `total` images; a blank only for none, so that a single mistake is seen."""
    return next(glyph for share, glyph in SHADES if count >= share * total) if count else " "


class ConfusionMap(ScrollView, can_focus=True):
    """The matrix: rows are the true classes, columns the predicted ones. The headings stay while it scrolls.

    A column is headed by the name of its class, or its first letters. If those do not tell the classes apart, rows and
    columns are numbered by class index. A cell's colour is the stronger, the larger its share of the row's images: one
    colour on the diagonal, another for the mistakes. If the counts do not fit, a glyph shows the share, twice on the
    diagonal, so that the map can be read without colour.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "confusion-map--heading",
        "confusion-map--chosen",
        "confusion-map--right",
        "confusion-map--wrong",
    }
    DEFAULT_CSS = """
    ConfusionMap {
        padding: 0 1;
        background: $background;
        scrollbar-size: 1 1;
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        &:focus { border: round $primary; }
        & > .confusion-map--heading { color: $text-muted; }
        & > .confusion-map--chosen { color: $foreground; text-style: bold; }
        & > .confusion-map--right { color: $primary; }
        & > .confusion-map--wrong { color: $warning; }
    }
    """

    chosen: reactive[int | None] = reactive(None)
    """The class whose headings stand out."""

    def __init__(self, evaluation: Evaluation, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._names, self._matrix = evaluation.classes, evaluation.matrix
        self._totals = [sum(row) for row in evaluation.matrix]
        self._number_cells = max(len(str(count)) for row in evaluation.matrix for count in row)
        # Mistakes are rarer than hits: the largest share of a mistake gets the full colour.
        every = range(len(self._names))
        self._worst = max((self._share(i, j) for i in every for j in every if i != j), default=0.0)
        self._cells = GLYPH_CELLS
        self._left_cells = 0
        self._rows = self._columns = [""] * len(self._names)
        self.border_title = "true class ↓  taken for →"

    @property
    def shows_numbers(self) -> bool:
        """Whether the counts fit into the cells."""
        return self._cells > self._number_cells

    def on_resize(self, event: events.Resize) -> None:
        """Divide the width between the names of the rows and the cells."""
        count, width = len(self._names), self.container_size.width
        longest = max(cell_len(clean(name)) for name in self._names)
        name_cells = max(2, min(longest, MOST_NAME_CELLS, width // 4))
        numbers = [f"{i:>{len(str(count - 1))}}" for i in range(count)]
        scrollbar = count + 1 > self.container_size.height
        room = (width - name_cells - 1 - scrollbar) // count
        fits = room > self._number_cells
        self._cells = min(room, max(MOST_CELLS, self._number_cells + 2)) if fits else GLYPH_CELLS
        headings = initials(self._names, self._cells - 1)
        self._rows = shortened(self._names, name_cells)
        if headings is None:
            self._cells = max(self._cells, len(numbers[0]) + 1)
            self._rows = [f"{number} {name}" for number, name in zip(numbers, self._rows, strict=True)]
        self._columns = headings or numbers
        self._left_cells = 1 + max(map(cell_len, self._rows))
        self.virtual_size = Size(self._left_cells + count * self._cells, count + 1)
        legend = "  ".join(f"{glyph} {f'{100 * share:.0f} %' if share else 'some'}" for share, glyph in SHADES[::-1])
        self.border_subtitle = None if self.shows_numbers else legend
        self.refresh()

    def _share(self, row: int, column: int) -> float:
        return self._matrix[row][column] / self._totals[row] if self._totals[row] else 0.0

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y - 1 + (self.scroll_offset.y if y else 0)
        room = max(0, width - self._left_cells)
        # Only whole columns: a part of a number would be another number.
        offset = self.scroll_offset.x
        first = -(-offset // self._cells)
        columns = range(first, min(len(self._names), (offset + room) // self._cells))
        if row >= len(self._names):
            return Strip.blank(width, self.rich_style)
        if row < 0:
            left = Segment(" " * self._left_cells, self.rich_style)
            cells = [self._column_heading(column) for column in columns]
        else:
            left = self._row_heading(row)
            cells = [self._cell(row, column) for column in columns]
        gap = Segment(" " * (first * self._cells - offset), self.rich_style)
        return Strip([left, gap, *cells]).adjust_cell_length(width, self.rich_style)

    def _row_heading(self, row: int) -> Segment:
        return Segment(set_cell_size(self._rows[row], self._left_cells), self._heading_style(row))

    def _column_heading(self, column: int) -> Segment:
        heading = begun(self._columns[column], self._cells - 1)
        return Segment(" " * (self._cells - 1 - cell_len(heading)) + heading + " ", self._heading_style(column))

    def _heading_style(self, index: int) -> Style:
        return self.get_component_rich_style(f"confusion-map--{'chosen' if index == self.chosen else 'heading'}")

    def _cell(self, row: int, column: int) -> Segment:
        count, share, right = self._matrix[row][column], self._share(row, column), row == column
        strength = share if right else share / self._worst if self._worst else 0.0
        # The square root makes rare mistakes, which are the ones to find, visible.
        strength = math.sqrt(strength)
        ground = self.background_colors[1]
        colour = self.get_component_styles(f"confusion-map--{'right' if right else 'wrong'}").color
        if self.shows_numbers:
            background = ground.blend(colour, 0.85 * strength)
            ink = background.blend(background.get_contrast_text(), 0.9)
            style = Style(color=ink.rich_color, bgcolor=background.rich_color, bold=right)
            return Segment(f"{count or '':>{self._cells - 1}} ", style)
        glyph = shade(count, self._totals[row])
        ink = ground.blend(colour, 0.4 + 0.6 * strength)
        style = Style(color=ink.rich_color, bgcolor=ground.rich_color, bold=right)
        return Segment(f"{glyph * (2 if right else 1):<{self._cells}}", style)
