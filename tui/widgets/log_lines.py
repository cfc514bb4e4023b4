"""The lines that a run has printed, cut or wrapped to the width of the widget."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich.text import Text
from textual import events
from textual.reactive import reactive
from textual.widgets import Log

from engine.text import clean
from tui.look.cells import fitted


class LogLines(Log):
    """The last lines, one row each, or with `full` all of them, wrapped and scrolled with the arrow keys.

    It follows the newest line because `overflow` is `scroll`: with `auto` it could not scroll before the next layout.
    """

    DEFAULT_CSS = """
    LogLines {
        padding: 0 1; overflow: hidden scroll; scrollbar-size: 0 0; background: $background; color: $text-muted;
        &.-full { border: round $border; border-title-color: $text-muted; scrollbar-size: 1 1; }
        &:focus { border: round $primary; background-tint: transparent; }
    }
    """

    full = reactive(False, init=False)

    def __init__(self) -> None:
        super().__init__(highlight=False)
        self.can_focus = False
        self.border_title = "log"
        self._all: Sequence[str] = ()
        self._written = 0

    def show(self, lines: Sequence[str]) -> None:
        """Show `lines`, all so far. Lines that were shown before are not looked at again."""
        self._all = lines
        self._write()

    def watch_full(self, full: bool) -> None:
        self.set_class(full, "-full")
        self.can_focus = full
        self._write_again()

    def on_resize(self, event: events.Resize) -> None:
        self._write_again()

    def _write_again(self) -> None:
        self.clear()
        self._written = 0
        self._write()
        self.scroll_end(animate=False)

    def _write(self) -> None:
        width = self.scrollable_content_region.width
        if width and self._written < len(self._all):
            self.write_lines([row for line in self._all[self._written :] for row in self._rows(clean(line), width)])
            self._written = len(self._all)

    def _rows(self, line: str, width: int) -> Iterator[str]:
        if self.full:
            yield from (row.plain.rstrip() for row in Text(line).wrap(self.app.console, width))
        else:
            yield fitted(line, width)
