"""Coloured cells in rows and columns, with headings that stay while they scroll, and a cursor."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from typing import ClassVar, NamedTuple

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.filter import LineFilter
from textual.geometry import Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.look.cells import begun
from tui.look.colours import Ramp, depth_of, exact, ramp

GLYPH_CELLS = 3
"""Cells of a column that shows glyphs: two letters or digits of its heading and a gap."""

FAINT = 0.3
"""With 16 colours, smaller shares have no colour."""

PICTURES = Binding.Group("See", compact=True)
"""The keys that show images, side by side in the footer, in a short word: the line is full at 80 columns."""

OPEN = Binding("enter", "open", "Images", tooltip="The images under the cursor", group=PICTURES)
"""For the `BINDINGS` of a map whose cells can be opened."""


class Place(NamedTuple):
    """A cell by its row and column, counted from 0."""

    row: int
    column: int


class HeatMap(ScrollView, can_focus=True):
    """A map whose cells are coloured by a share. The arrow keys move a cursor; Enter or a click on it opens its cell.

    A subclass gives the headings, the cells, and the words about the cell under the cursor.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "heat-map--heading",
        "heat-map--chosen",
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("up", "step(-1, 0)", "Row above", show=False),
        Binding("down", "step(1, 0)", "Row below", show=False),
        Binding("left", "step(0, -1)", "Column to the left", show=False),
        Binding("right", "step(0, 1)", "Column to the right", show=False),
        Binding("pageup", "page(-1)", "A page up", show=False),
        Binding("pagedown", "page(1)", "A page down", show=False),
        Binding("home", "edge(-1)", "First column", show=False),
        Binding("end", "edge(1)", "Last column", show=False),
    ]
    DEFAULT_CSS = """
    HeatMap {
        padding: 0 1;
        background: $background;
        scrollbar-size: 1 1;
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        &:focus { border: round $primary; border-subtitle-color: $foreground; }
        & > .heat-map--heading { color: $text-muted; }
        & > .heat-map--chosen { color: $foreground; text-style: bold; }
    }
    """

    cursor: reactive[Place] = reactive(Place(0, 0), init=False)
    """The cell whose headings stand out. The cell itself is marked while the map has the focus."""

    class Moved(Message):
        """A person moved the cursor."""

        def __init__(self, heat_map: HeatMap, place: Place) -> None:
            super().__init__()
            self.heat_map, self.place = heat_map, place

    class Opened(Moved):
        """A person asked for the cell under the cursor."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._rows: Sequence[str] = ()
        self._columns: Sequence[str] = ()
        self._cells = GLYPH_CELLS
        self._left_cells = 0

    # What a subclass gives

    @abstractmethod
    def headings(self, width: int, height: int) -> tuple[Sequence[str], Sequence[str], int]:
        """The headings of rows and of columns, and the cells of a column, for so much room."""

    @abstractmethod
    def cell(self, row: int, column: int) -> tuple[str, Style]:
        """What is written in a cell, in fewer cells than a column has, and how."""

    @abstractmethod
    def words(self) -> str:
        """The cell under the cursor in words."""

    # Layout

    def lay_out(self) -> None:
        """Divide the room between headings and cells, and draw everything again."""
        width, height = self.container_size
        self._rows, self._columns, self._cells = self.headings(width, height)
        self._left_cells = _left_cells(self._rows)
        self.virtual_size = Size(self._left_cells + len(self._columns) * self._cells, len(self._rows) + 1)
        self.cursor = self._inside(*self.cursor)
        self.tell()
        self.refresh()

    def is_wider(self, width: int) -> bool:
        """Whether the columns do not fit into a widget of so many cells, so that it needs a row to scroll them."""
        inside = width - 4  # border and padding
        rows, columns, cells = self.headings(inside, len(self._rows) + 1)
        return _left_cells(rows) + len(columns) * cells > inside

    def on_resize(self, event: events.Resize) -> None:
        self.lay_out()
        self._show_cursor()

    def on_focus(self) -> None:
        self.tell()
        self.refresh()

    def on_blur(self) -> None:
        self.tell()
        self.refresh()

    def tell(self) -> None:
        """Write the words about the cell under the cursor into the border."""
        self.border_subtitle = Content(self.words())

    # Cursor

    def _inside(self, row: int, column: int) -> Place:
        last_row, last_column = max(0, len(self._rows) - 1), max(0, len(self._columns) - 1)
        return Place(min(max(0, row), last_row), min(max(0, column), last_column))

    def watch_cursor(self) -> None:
        self._show_cursor()
        self.tell()
        self.refresh()

    def _show_cursor(self) -> None:
        """Scroll as far as the cell under the cursor needs."""
        room = self.scrollable_content_region.size
        if not self._rows or room.width <= self._left_cells or room.height < 2:
            return
        x, y = self.cursor.column * self._cells, self.cursor.row
        across, down = room.width - self._left_cells, room.height - 1
        first_x = min(max(self.scroll_offset.x, x + self._cells - across), x)
        first_y = min(max(self.scroll_offset.y, y + 1 - down), y)
        self.scroll_to(first_x, first_y, animate=False, force=True)

    def _move(self, row: int, column: int) -> None:
        place = self._inside(row, column)
        if place != self.cursor:
            self.cursor = place
            self.post_message(self.Moved(self, place))

    def action_step(self, down: int, right: int) -> None:
        self._move(self.cursor.row + down, self.cursor.column + right)

    def action_page(self, direction: int) -> None:
        self._move(self.cursor.row + direction * max(1, self.scrollable_content_region.height - 1), self.cursor.column)

    def action_edge(self, direction: int) -> None:
        self._move(self.cursor.row, len(self._columns) if direction > 0 else 0)

    def action_open(self) -> None:
        self.post_message(self.Opened(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None or at.x < self._left_cells or at.y < 1:
            return
        column = (at.x - self._left_cells + self.scroll_offset.x) // self._cells
        place = Place(at.y - 1 + self.scroll_offset.y, column)
        if place == self.cursor:
            self.action_open()
        elif place == self._inside(*place):
            self._move(*place)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y - 1 + (self.scroll_offset.y if y else 0)
        room = max(0, width - self._left_cells)
        # Only whole columns: a part of a number would be another number.
        offset = self.scroll_offset.x
        first = -(-offset // self._cells)
        columns = range(first, min(len(self._columns), (offset + room) // self._cells))
        if row >= len(self._rows):
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
        return Segment(set_cell_size(self._rows[row], self._left_cells), self._heading_style(row == self.cursor.row))

    def _column_heading(self, column: int) -> Segment:
        heading = begun(self._columns[column], self._cells - 1)
        chosen = column == self.cursor.column
        return Segment(" " * (self._cells - 1 - cell_len(heading)) + heading + " ", self._heading_style(chosen))

    def _heading_style(self, chosen: bool) -> Style:
        return self.get_component_rich_style(f"heat-map--{'chosen' if chosen else 'heading'}")

    def _cell(self, row: int, column: int) -> Segment:
        text, style = self.cell(row, column)
        if self.has_focus and (row, column) == self.cursor:
            # Reversed, so that it can be seen without colours.
            ground, ink = self.background_colors[1], self.styles.color
            style = Style(color=ink.rich_color, bgcolor=ground.rich_color, bold=True, reverse=True)
        return Segment(set_cell_size(text, self._cells), self.rich_style + style)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def filled(self, kind: Ramp, share: float) -> Style:
        """The style of a cell with a number: `share` (0 to 1) colours its background."""
        few = depth_of(self.app) == "16"  # of so few colours even the weakest is loud
        return Style() if few and share < FAINT else self._ramp(kind, share)

    def inked(self, kind: Ramp, share: float) -> Style:
        """The style of a glyph: `share` (0 to 1) colours the glyph."""
        return Style(color=self._ramp(kind, 0.4 + 0.6 * share).bgcolor)

    def _ramp(self, kind: Ramp, share: float) -> Style:
        return ramp(kind, share, depth_of(self.app), self.app.current_theme.dark)


def _left_cells(rows: Sequence[str]) -> int:
    """Cells of the headings of the rows and the gap beside them."""
    return 1 + max(map(cell_len, rows), default=0)
