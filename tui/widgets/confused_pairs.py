"""The mistakes made most often."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.widget import Widget

from engine.record.evaluation import Evaluation
from tui.look.cells import shortened

MOST_NAME_CELLS = 14
MOST_PAIRS = 24


class ConfusedPairs(Widget):
    """The mistakes made most often, in as many columns and lines as fit."""

    DEFAULT_CSS = """
    ConfusedPairs {
        height: 1fr;
        padding: 0 1;
        border: round $border;
        border-title-color: $text-muted;
    }
    """

    def __init__(self, evaluation: Evaluation, *, id: str | None = None) -> None:
        super().__init__(id=id)
        names = dict(zip(evaluation.classes, shortened(evaluation.classes, MOST_NAME_CELLS), strict=True))
        self._pairs = [
            (f"{names[pair.true]} → {names[pair.predicted]}", f"{pair.count:,}")
            for pair in evaluation.most_confused(MOST_PAIRS)
        ]
        self.border_title = "most confused"

    @property
    def columns(self) -> int:
        """The number of pairs side by side."""
        return max(1, min(len(self._pairs), (self.content_size.width + 3) // (sum(self._widths) + 4)))

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
        for i, (names, count) in enumerate(self._pairs[: self.columns * max(1, self.content_size.height)]):
            if i:
                text.append("\n" if i % self.columns == 0 else "   ")
            text.append(names + " " * (name_cells - cell_len(names)))
            text.append(f" {count:>{count_cells}}", "bold")
        return text
