"""A few lines about the run under the cursor of a list."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from engine.text import clean
from tui.look.cells import fitted

_BETWEEN = " · "


class RunAbout(Widget):
    """What is wrong with the run or a person's note, then facts. What does not fit into the rows is left out."""

    DEFAULT_CSS = """
    RunAbout { height: 3; padding: 0 2; color: $text-muted; background: $background; }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._lines: list[tuple[str, str]] = []
        """Texts and their styles."""

    def show(self, *, problem: str = "", note: str = "", facts: Sequence[Sequence[str]] = ()) -> None:
        """Tell a problem, or else a note, and facts: each of them is a line of parts."""
        first = [(clean(problem), "problem")] if problem else [(clean(note), "note")]
        lines = [(text, kind) for text, kind in first if text]
        lines += [(_BETWEEN.join(map(clean, parts)), "fact") for parts in facts if parts]
        if lines != self._lines:
            self._lines = lines
            self.refresh()

    def render(self) -> Text:
        width, height = self.content_size
        rows: list[tuple[str, str]] = []
        for i, (line, kind) in enumerate(self._lines):
            others = sum(1 for _ in self._lines[i + 1 :])  # each of these gets a row
            rows += [(row, kind) for row in _rows(line, width, max(1, height - len(rows) - others))]
        styles = {
            "problem": self.app.current_theme.error or "",
            "note": self.app.current_theme.foreground or "",
            "fact": "",
        }
        lines = [Text(row, styles[kind], no_wrap=True, overflow="crop") for row, kind in rows[:height]]
        return Text("\n", no_wrap=True, overflow="crop").join(lines)


def _rows(line: str, width: int, most: int) -> list[str]:
    """Return a line in at most so many rows, broken between its parts or its words."""
    rows: list[str] = []
    separator = _BETWEEN if _BETWEEN in line else " "
    rest = line.split(separator)
    while rest and len(rows) < most - 1:
        taken = 1
        while taken < len(rest) and cell_len(separator.join(rest[: taken + 1])) <= width:
            taken += 1
        rows.append(fitted(separator.join(rest[:taken]), width))
        rest = rest[taken:]
    return [*rows, fitted(separator.join(rest), width)] if rest else rows
