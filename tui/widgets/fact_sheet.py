"""Names and values in sections, as many as the height holds."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.cells import cell_len, set_cell_size
from rich.segment import Segment
from textual import events
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

from engine.text import clean
from tui.look.cells import fitted


@dataclass(frozen=True)
class Section:
    """A title and rows of a name and its value."""

    title: str
    rows: tuple[tuple[str, str], ...]
    least_rows: int | None = None
    """If the height is too small, so many of the last rows are enough; None: the section stays whole."""
    warned: tuple[str, ...] = ()
    """The names of rows that say that something is wrong."""

    @property
    def needed(self) -> int:
        """How many rows have to be shown."""
        return min(len(self.rows), self.least_rows or len(self.rows))


Row = tuple[str, str, str]
"""Name, value, and how it is shown: `title`, `name`, or `warned`."""


class FactSheet(Widget):
    """Shows sections, the most important first. If they do not fit, rows of long ones and then the last are left out.

    Only rows that changed are painted again.
    """

    COMPONENT_CLASSES: ClassVar[set[str]] = {"fact-sheet--name", "fact-sheet--title", "fact-sheet--warned"}
    DEFAULT_CSS = """
    FactSheet {
        padding: 0 1;
        border: round $border;
        border-title-color: $text-muted;
        & > .fact-sheet--name { color: $text-muted; }
        & > .fact-sheet--title { color: $foreground; text-style: bold; }
        & > .fact-sheet--warned { color: $text-warning; }
    }
    """

    def __init__(self, title: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = title
        self._sections: Sequence[Section] = ()
        self._rows: list[Row] = []

    def show(self, sections: Sequence[Section]) -> None:
        self._sections = sections
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def _lay_out(self) -> None:
        before, self._rows = self._rows, _fitting(self._sections, self.size.height)
        for y in range(max(len(before), len(self._rows))):
            if before[y : y + 1] != self._rows[y : y + 1]:
                self.refresh(Region(0, y, self.size.width, 1))

    def render_line(self, y: int) -> Strip:
        width = self.size.width
        if y >= len(self._rows):
            return Strip.blank(width, self.rich_style)
        name, value, kind = self._rows[y]
        value = fitted(clean(value), width)
        room = max(0, width - cell_len(value) - bool(value))
        style = self.get_component_rich_style(f"fact-sheet--{kind}")
        return Strip(
            [
                Segment(set_cell_size(fitted(clean(name), room), width - cell_len(value)), style),
                Segment(value, style if kind == "warned" else self.rich_style),
            ]
        )


def _fitting(sections: Sequence[Section], height: int) -> list[Row]:
    """Return the rows that fit into `height`, with a blank row between sections."""
    kept = list(sections)
    while kept and sum(2 + each.needed for each in kept) - 1 > height:
        kept.pop()
    spare = height + 1 - sum(2 + each.needed for each in kept)
    rows: list[Row] = []
    for section in kept:
        count = min(len(section.rows), section.needed + spare)
        spare -= count - section.needed
        rows += [("", "", "name")] * bool(rows) + [(section.title, "", "title")]
        rows += [(name, value, "warned" if name in section.warned else "name") for name, value in section.rows[-count:]]
    return rows
