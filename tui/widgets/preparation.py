"""What a run does before its training begins."""

from __future__ import annotations

from rich.text import Text
from textual.widgets import Static

from engine.record.events import DataProgress
from engine.text import clean
from tui.look.wording import count

BAR_CELLS = 40


class Preparation(Static):
    """Tells in words, and with a bar if the amount is known, how far the images are."""

    DEFAULT_CSS = """
    Preparation { height: 1fr; content-align: center middle; text-align: center; }
    """

    def __init__(self, stops: str = "s stops") -> None:
        """`stops` names the key that ends it."""
        super().__init__()
        self._stops = stops

    def show(self, progress: DataProgress | None) -> None:
        """Show `progress`; None before the first."""
        text = Text(justify="center")
        if progress is None:
            text.append("loading torch and looking at the machine …")
        elif progress.done == progress.total:
            text.append("the images are ready; choosing the fastest way to train …")
        else:
            text.append(f"{clean(progress.activity)}\n\n")
            if progress.total:
                done = round(BAR_CELLS * min(1.0, progress.done / progress.total))
                text.append("━" * done, "bold").append("─" * (BAR_CELLS - done), "dim").append("\n\n")
            text.append(count(progress.done, progress.total, progress.unit))
        text.append(f"\n\n{self._stops}", "dim")
        if text != self.content:
            self.update(text)
