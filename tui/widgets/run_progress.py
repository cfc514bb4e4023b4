"""How far the epoch and the run are, in one or two lines."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

_FULL, _HALF = "━", "╸"


@dataclass(frozen=True)
class Bar:
    """One bar: `done` of `total`, with its label before and its numbers behind."""

    label: str
    done: float
    total: float
    numbers: str


class RunProgress(Widget):
    """Bars side by side, and what is left to say behind them."""

    COMPONENT_CLASSES: ClassVar[set[str]] = {"run-progress--done", "run-progress--rest", "run-progress--label"}
    DEFAULT_CSS = """
    RunProgress { height: 1; padding: 0 1; }
    RunProgress > .run-progress--done { color: $primary; }
    RunProgress > .run-progress--rest { color: $border; }
    RunProgress > .run-progress--label { color: $secondary; }
    """

    bars: reactive[tuple[Bar, ...]] = reactive((), layout=False)
    note = reactive("", layout=False)

    def render(self) -> Text:
        width = self.content_size.width
        fixed = sum(len(bar.label) + len(bar.numbers) + 4 for bar in self.bars) + len(self.note)
        cells = max(0, (width - fixed) // max(1, len(self.bars)))
        line = Text(no_wrap=True, overflow="crop")
        label = self.get_component_rich_style("run-progress--label", partial=True)
        for bar in self.bars:
            line.append(f"{bar.label} ", label)
            self._draw(line, bar, cells)
            line.append(f" {bar.numbers}  ")
        return line.append(self.note, label)

    def _draw(self, line: Text, bar: Bar, cells: int) -> None:
        halves = round(2 * cells * min(1.0, bar.done / bar.total)) if bar.total else 0
        done = _FULL * (halves // 2) + _HALF * (halves % 2)
        line.append(done, self.get_component_rich_style("run-progress--done", partial=True))
        # Without colours the rest would look done: it is drawn as a lighter line as well.
        line.append("─" * (cells - len(done)), self.get_component_rich_style("run-progress--rest", partial=True))
