"""One class in detail: what it was taken for, and what was taken for it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.console import JustifyMethod
from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical, VerticalScroll
from textual.content import Content
from textual.widgets import Static

from engine.record.evaluation import Evaluation, percent
from engine.record.events import SplitName
from engine.text import counted
from tui.dialogs.dialog import Dialog
from tui.look.cells import bar, cropped, shortened

NAME_CELLS = 13
JUSTIFIED: Sequence[JustifyMethod] = ("left", "right", "right", "left")
SIDE_CELLS = 33
"""Of each of the two lists; with a gap they fill the box."""


class ClassDetails(Dialog[int]):
    """Shows one class over the results. The arrow keys go on to the next class; returns the class shown last."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape,q,enter", "close", "Close"),
        ("up,left", "step(-1)", "Previous class"),
        ("down,right", "step(1)", "Next class"),
        ("pageup,home", "page(-1)", "Scroll up"),
        ("pagedown,end", "page(1)", "Scroll down"),
    ]
    DEFAULT_CSS = """
    ClassDetails .recognised { margin-bottom: 1; text-style: bold; }
    ClassDetails Horizontal { height: auto; }
    ClassDetails Horizontal > Vertical { height: auto; width: 1fr; }
    ClassDetails .of { color: $text-muted; margin-bottom: 1; text-wrap: nowrap; text-overflow: ellipsis; }
    """

    def __init__(self, evaluation: Evaluation, order: Sequence[int], index: int, split: SplitName = "test") -> None:
        """`order` holds the indices of all classes in the order of the arrow keys, `index` the one to show first.

        `split` says which images were evaluated.
        """
        super().__init__()
        self._split = split
        self._evaluation, self._order, self._index = evaluation, order, index
        self._names = shortened(evaluation.classes, NAME_CELLS)

    def compose(self) -> ComposeResult:
        with VerticalScroll(can_focus=False):
            yield Static(markup=False, classes="recognised")
            with Horizontal():
                for side in ("taken", "others"):
                    with Vertical():
                        yield Static("What it was taken for" if side == "taken" else "What was taken for it")
                        yield Static(markup=False, classes="of", id=f"{side}-of")
                        yield Static(id=side)

    def on_mount(self) -> None:
        for side in (
            "#taken",
            "#others",
        ):  # the box keeps its height from class to class, if the terminal is high enough
            self.query_one(side).styles.min_height = max(0, min(len(self._names), self.app.size.height - 9))
        self._show()

    def action_step(self, by: int) -> None:
        at = self._order.index(self._index) + by
        self._index = self._order[at % len(self._order)]
        self._show()

    def action_page(self, direction: int) -> None:
        page = self.query_one(VerticalScroll)
        page.scroll_relative(y=direction * page.size.height, animate=False)

    def action_close(self) -> None:
        self.dismiss(self._index)

    def _show(self) -> None:
        matrix, index = self._evaluation.matrix, self._index
        one = self._evaluation.per_class[index]
        others = [row[index] for row in matrix]
        page = self.query_one(VerticalScroll)
        page.border_title = Content(cropped(one.name, 40))
        page.border_subtitle = f"{self._order.index(index) + 1} of {len(self._order)} · ↑ ↓ other classes · esc closes"
        for selector, text in (
            (".recognised", f"{one.correct:,} of {one.total:,} {self._split} images recognised, {one.accuracy:.1f} %"),
            ("#taken-of", f"% of its {counted(one.total, 'image')}"),
            ("#others-of", f"% of {sum(others):,} taken for {self._names[index]}"),
        ):
            self.query_one(selector, Static).update(text)
        mistakes = (count for counts in (matrix[index], others) for i, count in enumerate(counts) if i != index)
        most = max(mistakes, default=0)
        self.query_one("#taken", Static).update(self._list(matrix[index], most))
        self.query_one("#others", Static).update(self._list(others, most))

    def _list(self, counts: Sequence[int], most: int) -> Table:
        """Return a row for each class with images: itself first, then the mistakes, the most frequent first.

        `counts` holds the number of images by class index. A share is of their sum. The bars compare the mistakes of
        both lists; `most` images fill a bar.
        """
        total = sum(counts)
        mistakes = sorted((i for i, count in enumerate(counts) if count and i != self._index), key=lambda i: -counts[i])
        widths = (
            max(map(cell_len, self._names)),
            max(len(f"{n:,}") for row in self._evaluation.matrix for n in row),
            7,
        )
        bar_cells = SIDE_CELLS - sum(widths) - len(widths)
        table = Table.grid(padding=(0, 1, 0, 0))
        for justify, width in zip(JUSTIFIED, (*widths, bar_cells), strict=True):
            table.add_column(justify=justify, no_wrap=True, width=width)
        colours = self.app.theme_variables
        for i in (self._index, *mistakes):
            right = i == self._index
            drawn = "" if right else bar(counts[i] / most, bar_cells)
            table.add_row(
                Text(self._names[i]),
                Text(f"{counts[i]:,}"),
                Text(f"{percent(counts[i], total):.1f} %"),
                Text(drawn, colours["warning"]),
                style=f"bold {colours['primary']}" if right else "",
            )
        return table
