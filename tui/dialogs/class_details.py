"""One class looked at closely: what it was taken for, and what was taken for it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from engine.record.evaluation import Evaluation, percent
from tui.look.cells import bar, cropped


class ClassDetails(ModalScreen[None]):
    """A page over the results; any of its keys closes it."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape,q,enter", "dismiss(None)", "Close")]
    DEFAULT_CSS = """
    ClassDetails { align: center middle; }
    ClassDetails > VerticalScroll {
        width: 76; max-width: 100%; height: auto; max-height: 100%; scrollbar-size-vertical: 1;
        border: round $primary; background: $surface; padding: 1 2;
        border-title-color: $foreground; border-title-style: bold; border-subtitle-color: $text-muted;
    }
    ClassDetails .recognised { margin-bottom: 1; text-style: bold; }
    ClassDetails Horizontal { height: auto; }
    ClassDetails Horizontal > Vertical { height: auto; width: 1fr; }
    ClassDetails .heading { color: $text-muted; margin-right: 2; }
    """

    def __init__(self, evaluation: Evaluation, index: int) -> None:
        super().__init__()
        self._evaluation, self._index = evaluation, index

    def compose(self) -> ComposeResult:
        evaluation, index = self._evaluation, self._index
        one, matrix = evaluation.per_class[index], evaluation.matrix
        name = cropped(one.name, 40)
        taken = {i: count for i, count in enumerate(matrix[index]) if i != index and count}
        others = {i: row[index] for i, row in enumerate(matrix) if i != index and row[index]}
        with VerticalScroll() as page:
            page.border_title = Content(name)
            page.border_subtitle = "esc closes"
            recognised = f"{one.correct:,} of {one.total:,} test images recognised, {one.accuracy:.1f} %"
            yield Static(recognised, markup=False, classes="recognised")
            with Horizontal():
                with Vertical():
                    yield Static(f"{cropped(name, 20)} was taken for", markup=False, classes="heading")
                    yield Static(self._list(taken, one.total))
                with Vertical():
                    yield Static(f"taken for {cropped(name, 20)} were", markup=False, classes="heading")
                    yield Static(self._list(others, sum(others.values()) + one.correct))

    def _list(self, counts: Mapping[int, int], of: int) -> Table | Text:
        """The classes of `counts`, the most frequent first, with their share `of` so many images."""
        if not counts:
            return Text("nothing else")
        table = Table.grid(padding=(0, 1, 0, 0))
        for justify in ("left", "right", "right", "left"):
            table.add_column(justify=justify, no_wrap=True)
        for i, count in sorted(counts.items(), key=lambda entry: -entry[1]):
            share = percent(count, of)
            name = cropped(self._evaluation.classes[i], 12)
            drawn = Text(bar(count / max(counts.values()), 8), self.app.theme_variables["primary"])
            table.add_row(Text(name), Text(f"{count:,}"), Text(f"{share:.1f} %"), drawn)
        return table
