"""How far the epoch and the run are, in one line."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.reactive import reactive
from textual.strip import Strip

from tui.widgets.sliced import Sliced

_FULL, _HALF = "━", "╸"
_PARTS = ("done", "rest", "label")


@dataclass(frozen=True)
class Bar:
    """One bar: `done` of `total`, its label to the left and its numbers to the right."""

    label: str
    done: float
    total: float
    numbers: str


class RunProgress(Sliced):
    """Bars side by side, then a note."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {f"run-progress--{part}" for part in _PARTS}
    DEFAULT_CSS = """
    RunProgress { height: 1; padding: 0 1; }
    RunProgress > .run-progress--done { color: $primary; }
    RunProgress > .run-progress--rest { color: $border; }
    RunProgress > .run-progress--label { color: $secondary; }
    """

    bars: reactive[tuple[Bar, ...]] = reactive((), layout=False, repaint=False)
    note = reactive("", layout=False, repaint=False)

    _line: Strip | None = None

    def watch_bars(self) -> None:
        self._repaint_changes()

    def watch_note(self) -> None:
        self._repaint_changes()

    def on_resize(self, event: events.Resize) -> None:
        self._redraw()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._redraw()

    def _redraw(self) -> None:
        self._line = None
        self.repaint_all()

    def _repaint_changes(self) -> None:
        before, self._line = self._line, None
        if before is None or before.cell_length != self.content_size.width:
            return  # not painted yet, or at another size: all of it will be painted
        cells = enumerate(zip(_cells(before), _cells(self.row(0)), strict=True))
        self.repaint((0, column, column + 1) for column, (old, new) in cells if old != new)

    def row(self, y: int) -> Strip:
        if self._line is None:
            self._line = Strip(self._segments()).adjust_cell_length(self.content_size.width, self.rich_style)
        return self._line

    def _segments(self) -> Iterator[Segment]:
        width = self.content_size.width
        fixed = sum(len(bar.label) + len(bar.numbers) + 4 for bar in self.bars) + len(self.note)
        cells = max(0, (width - fixed) // max(1, len(self.bars)))
        done, rest, label = (self.get_component_rich_style(f"run-progress--{part}") for part in _PARTS)
        for bar in self.bars:
            halves = round(2 * cells * min(1.0, bar.done / bar.total)) if bar.total else 0
            full = _FULL * (halves // 2) + _HALF * (halves % 2)
            yield Segment(f"{bar.label} ", label)
            yield Segment(full, done)
            # A lighter line: without colours, the rest must not look like the part that is done.
            yield Segment("─" * (cells - len(full)), rest)
            yield Segment(f" {bar.numbers}  ", self.rich_style)
        yield Segment(self.note, label)


def _cells(line: Strip) -> list[tuple[str, Style | None]]:
    """Each character with its style. Every character of a bar is one cell wide."""
    return [(glyph, segment.style) for segment in line for glyph in segment.text]
