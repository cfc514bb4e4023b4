"""The mistakes made most often."""

from __future__ import annotations

from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.binding import Binding, BindingType
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from engine.record.evaluation import Evaluation
from tui.look.cells import shortened
from tui.widgets.heat_map import PICTURES

MOST_NAME_CELLS = 14
MOST_PAIRS = 24
_GAP = 3
"""Cells between two pairs."""


class ConfusedPairs(Widget, can_focus=True):
    """The mistakes made most often, in as many columns and lines as fit.

    The arrow keys move a cursor from pair to pair; Enter or a click on a pair opens it.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter", "open", "Images", tooltip="The images under the cursor", group=PICTURES),
        Binding("left", "step(-1, 0)", "Previous pair", show=False),
        Binding("right", "step(1, 0)", "Next pair", show=False),
        Binding("up", "step(0, -1)", "Line above", show=False),
        Binding("down", "step(0, 1)", "Line below", show=False),
    ]
    DEFAULT_CSS = """
    ConfusedPairs {
        height: 1fr;
        padding: 0 1;
        border: round $border;
        border-title-color: $text-muted;
        &:focus { border: round $primary; }
    }
    """

    cursor: reactive[int] = reactive(0, layout=False)
    """Which pair Enter opens; it is marked while the pairs have the focus."""

    class Opened(Message):
        """A person asked for a pair of class indices."""

        def __init__(self, true: int, predicted: int) -> None:
            super().__init__()
            self.true, self.predicted = true, predicted

    def __init__(self, evaluation: Evaluation, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.border_title = "most confused"
        self._take(evaluation)

    def show(self, evaluation: Evaluation) -> None:
        """Show another evaluation."""
        self._take(evaluation)
        self.refresh()

    def _take(self, evaluation: Evaluation) -> None:
        names, confused = shortened(evaluation.classes, MOST_NAME_CELLS), evaluation.most_confused(MOST_PAIRS)
        self._indices = [pair.indices for pair in confused]
        self._pairs = [
            (f"{names[true]} → {names[predicted]}", f"{pair.count:,}")
            for pair, (true, predicted) in zip(confused, self._indices, strict=True)
        ]
        self.cursor = 0

    @property
    def columns(self) -> int:
        """The number of pairs side by side."""
        return max(1, min(len(self._pairs), (self.content_size.width + _GAP) // self._step))

    @property
    def _step(self) -> int:
        """Cells from one pair to the next one in its line."""
        return sum(self._widths) + 1 + _GAP

    @property
    def _count(self) -> int:
        """How many pairs fit."""
        return min(len(self._pairs), self.columns * max(1, self.content_size.height))

    @property
    def _widths(self) -> tuple[int, int]:
        return (
            max((cell_len(names) for names, _ in self._pairs), default=0),
            max((cell_len(count) for _, count in self._pairs), default=0),
        )

    def render(self) -> Text:
        if not self._pairs:
            return Text("No class was taken for another.")
        name_cells, count_cells = self._widths
        text = Text(no_wrap=True, overflow="crop")
        for i, (names, count) in enumerate(self._pairs[: self._count]):
            if i:
                text.append("\n" if i % self.columns == 0 else " " * _GAP)
            style = " reverse" if self.has_focus and i == min(self.cursor, self._count - 1) else ""
            text.append(names + " " * (name_cells - cell_len(names)), style.strip())
            text.append(f" {count:>{count_cells}}", f"bold{style}")
        return text

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        return bool(self._pairs) or action != "open"

    def action_step(self, right: int, down: int) -> None:
        to = min(self.cursor, self._count - 1) + right + down * self.columns
        if 0 <= to < self._count:
            self.cursor = to

    def action_open(self) -> None:
        self.post_message(self.Opened(*self._indices[min(self.cursor, self._count - 1)]))

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        if at is None or not self._pairs or at.x // self._step >= self.columns:
            return
        pair = at.y * self.columns + at.x // self._step
        if pair < self._count:
            self.cursor = pair
            self.action_open()
