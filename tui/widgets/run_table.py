"""Rows of text in columns, one a run, with a cursor. Draws only what is seen: a thousand rows cost as much as ten."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.look.cells import cropped, fitted
from tui.widgets.run_rows import GAP, SIGNS, Heading, Row, arranged


class RunTable(ScrollView, can_focus=True):
    """The first column stays; where not all others fit, the arrow keys to the sides show those that follow."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        f"run-table--{kind}" for kind in ("heading", "sorted", "plain", "live", "bad", "marked", "pinned", "cursor")
    }
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Open", tooltip="Show this run as it trains, or its results"),
        Binding("up", "step(-1)", "Row above", show=False),
        Binding("down", "step(1)", "Row below", show=False),
        Binding("pageup", "page(-1)", "A page up", show=False),
        Binding("pagedown", "page(1)", "A page down", show=False),
        Binding("home", "edge(-1)", "First row", show=False),
        Binding("end", "edge(1)", "Last row", show=False),
        Binding("left", "columns(-1)", "Columns to the left", show=False),
        Binding("right", "columns(1)", "Columns to the right", show=False),
    ]
    DEFAULT_CSS = """
    RunTable {
        height: 1fr;
        padding: 0 1;
        background: $background;
        overflow-x: hidden;
        scrollbar-size: 1 1;
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        &:focus { border: round $primary; }
        & > .run-table--heading { color: $text-muted; }
        & > .run-table--sorted { color: $foreground; text-style: bold; }
        & > .run-table--plain { color: $foreground; }
        & > .run-table--live { color: $primary; text-style: bold; }
        & > .run-table--bad { color: $text-error; }
        & > .run-table--marked { color: $warning; text-style: bold; }
        & > .run-table--pinned { color: $primary; text-style: bold; }
        & > .run-table--cursor { background: $panel; }
        &:focus > .run-table--cursor { background: $primary 25%; text-style: bold; }
    }
    """

    cursor: reactive[int] = reactive(0, init=False, repaint=False)
    """The row under the cursor."""

    class Moved(Message):
        """Another row is under the cursor, or other rows are shown."""

    class Opened(Message):
        """The row under the cursor was chosen."""

    class Sort(Message):
        """The heading of a column was clicked."""

        def __init__(self, name: str) -> None:
            super().__init__()
            self.name = name

    def __init__(self, *, id: str | None = None) -> None:
        self._styles: dict[str, Style] = {}
        super().__init__(id=id)
        self._headings: Sequence[Heading] = ()
        self._rows: Sequence[Row] = ()
        self._sorted = ("", False)
        self._widths: list[int] = []
        """Cells that each column needs."""
        self._cells: dict[int, int] = {}
        """The columns that are shown, with their cells."""
        self._border_words = "", ""
        self._first = 1
        """The first column beside the one that stays."""

    # What is shown

    def show(self, headings: Sequence[Heading], rows: Sequence[Row], sorted_by: tuple[str, bool]) -> None:
        """Show other rows. `sorted_by` is the name of a column, and whether the largest comes first.

        The cursor stays on its row, wherever that is now.
        """
        key, before, laid_out = self.key, self._rows, (self._headings, self._sorted, self._cells, len(self._rows))
        self._headings, self._rows, self._sorted = headings, rows, sorted_by
        self._widths = [
            max(cell_len(heading.label) + 1, max((cell_len(row.cells[i]) for row in rows), default=0))
            for i, heading in enumerate(headings)
        ]
        self._lay_out()
        at = next((i for i, row in enumerate(rows) if row.key == key), None)
        self.set_reactive(RunTable.cursor, min(self.cursor, max(0, len(rows) - 1)) if at is None else at)
        self._show_cursor()
        if laid_out == (self._headings, self._sorted, self._cells, len(self._rows)):
            self._refresh_rows([i for i, row in enumerate(rows) if row != before[i]])
        else:
            self.refresh()
        self.post_message(self.Moved())

    @property
    def row_count(self) -> int:
        return len(self._rows)

    @property
    def key(self) -> str | None:
        """The key of the row under the cursor."""
        return self._rows[self.cursor].key if self.cursor < len(self._rows) else None

    def _refresh_rows(self, rows: Sequence[int]) -> None:
        width, offset = self.size.width, self.scroll_offset.y
        shown = [row - offset + 1 for row in rows if 0 <= row - offset < self._page]
        if shown:
            self.refresh(*(Region(0, y, width, 1) for y in shown))  # within the border and the padding

    # Layout

    def _lay_out(self) -> None:
        """Choose the columns that are shown, and how wide each is."""
        room = self.scrollable_content_region.width - SIGNS
        self.virtual_size = Size(self.scrollable_content_region.width, len(self._rows) + 1)
        self._first, self._cells = arranged(self._headings, self._widths, self._first, room)
        before, after = self._first > 1, max(self._cells, default=0) < len(self._headings) - 1
        by, descending = self._sorted
        is_seen = any(self._headings[i].name == by for i in self._cells)
        words = (
            "" if is_seen or not by else f"by {by.replace('_', ' ')} {'▲▼'[descending]}",
            "← → more columns" if before or after else "",
        )
        if words != self._border_words:
            self._border_words = words
            self.border_title, self.border_subtitle = words

    @property
    def _page(self) -> int:
        """Rows that are seen at once."""
        return max(1, self.scrollable_content_region.height - 1)

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()
        self._show_cursor()
        self.refresh()

    def on_focus(self) -> None:
        self._styles.clear()
        self.refresh()

    def on_blur(self) -> None:
        self._styles.clear()
        self.refresh()

    # Cursor

    def watch_cursor(self, before: int, now: int) -> None:
        offset = self.scroll_offset
        self._show_cursor()
        if offset == self.scroll_offset:
            self._refresh_rows([before, now])
        else:
            self.refresh()
        self.post_message(self.Moved())

    def _show_cursor(self) -> None:
        first = min(max(self.scroll_offset.y, self.cursor + 1 - self._page), self.cursor)
        if first != self.scroll_offset.y:
            self.scroll_to(0, first, animate=False, force=True, immediate=True)

    def go_to(self, key: str) -> bool:
        """Move the cursor to the row with this key. Return whether there is one."""
        at = next((i for i, row in enumerate(self._rows) if row.key == key), None)
        if at is not None:
            self.cursor = at
        return at is not None

    def _move(self, row: int) -> None:
        self.cursor = min(max(0, row), max(0, len(self._rows) - 1))

    def action_step(self, down: int) -> None:
        self._move(self.cursor + down)

    def action_page(self, direction: int) -> None:
        self._move(self.cursor + direction * self._page)

    def action_edge(self, direction: int) -> None:
        self._move(len(self._rows) if direction > 0 else 0)

    def action_columns(self, direction: int) -> None:
        """Show the columns that follow, or those before."""
        hidden_after = max(self._cells, default=0) < len(self._headings) - 1
        if (direction > 0 and hidden_after) or (direction < 0 and self._first > 1):
            self._first += direction
            self._lay_out()
            self.refresh()

    def action_open(self) -> None:
        if self._rows:
            self.post_message(self.Opened())

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None:
            return
        row = at.y - 1 + self.scroll_offset.y
        if at.y < 1:
            start = SIGNS
            for i, cells in self._cells.items():
                if start <= at.x < start + cells:
                    self.post_message(self.Sort(self._headings[i].name))
                start += cells + GAP
        elif row == self.cursor:
            self.action_open()
        elif row < len(self._rows):
            self._move(row)

    # Drawing

    def render_line(self, y: int) -> Strip:
        width = self.scrollable_content_region.width
        row = y - 1 + (self.scroll_offset.y if y else 0)
        if row >= len(self._rows):
            return Strip.blank(width, self._style("ground"))
        segments = self._heading_line() if row < 0 else self._row_line(self._rows[row])
        strip = Strip(segments).adjust_cell_length(width, self._style("ground"))
        if 0 <= row == self.cursor:
            strip = Strip(Segment.apply_style(strip, post_style=self._style("cursor")), width)
        return strip

    def _heading_line(self) -> list[Segment]:
        segments = [Segment(" " * SIGNS, self._style("ground"))]
        name, descending = self._sorted
        for i, cells in self._cells.items():
            heading = self._headings[i]
            arrow = "▲▼"[descending] if heading.name == name else ""
            label = fitted(heading.label, cells - len(arrow)) + arrow
            style = self._style("sorted" if arrow else "heading")
            segments.append(Segment(_placed(label, cells, heading.right) + " " * GAP, style))
        return segments

    def _row_line(self, row: Row) -> list[Segment]:
        segments = [
            Segment("✓" if row.marked else " ", self._style("marked")),
            Segment("★ " if row.pinned else "  ", self._style("pinned")),
        ]
        plain, coloured = self._style("plain"), self._style(row.kind)
        for i, cells in self._cells.items():
            heading = self._headings[i]
            text = cropped(row.cells[i], cells) if heading.can_be_cut else fitted(row.cells[i], cells)
            style = coloured if heading.name in ("name", "status") else plain
            segments.append(Segment(_placed(text, cells, heading.right) + " " * GAP, style))
        return segments

    def _style(self, kind: str) -> Style:
        """The style of a kind of text, or of what is around it; remembered, since a screen has hundreds of texts."""
        if kind not in self._styles:
            self._styles[kind] = self.rich_style if kind == "ground" else self._component(kind)
        return self._styles[kind]

    def _component(self, kind: str) -> Style:
        style = self.get_component_rich_style(f"run-table--{kind}")
        return Style(bgcolor=style.bgcolor, bold=style.bold) if kind == "cursor" else style

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._styles.clear()


def _placed(text: str, cells: int, right: bool) -> str:
    return " " * (cells - cell_len(text)) + text if right else set_cell_size(text, cells)
