"""The first line of every screen: what is shown, its state, and where."""

from __future__ import annotations

from rich.cells import cell_len
from rich.text import Text
from textual.reactive import reactive
from textual.widget import Widget

from engine.text import clean
from tui.look.cells import fitted

_GAP = 2
"""Cells between two of the texts."""


class TitleBar(Widget):
    """One line of three texts: left, middle and right. If there is no room for all, the outer two are cut."""

    DEFAULT_CSS = """
    TitleBar { height: 1; padding: 0 1; background: $panel; color: $foreground; }
    """

    left = reactive("", layout=False)
    middle = reactive("", layout=False)
    right = reactive("", layout=False)

    def __init__(self, left: str = "", middle: str = "", right: str = "", *, id: str | None = None) -> None:
        super().__init__(id=id)
        self.set_reactive(TitleBar.left, left)
        self.set_reactive(TitleBar.middle, middle)
        self.set_reactive(TitleBar.right, right)

    def render(self) -> Text:
        width = self.content_size.width
        left, middle, right = clean(self.left), clean(self.middle), clean(self.right)
        middle = fitted(middle, width)
        side = (width - cell_len(middle)) // 2 - _GAP
        left = fitted(left, max(0, side))
        right = fitted(right, max(0, width - side - cell_len(middle) - 2 * _GAP))
        gap_left = max(0, side - cell_len(left) + _GAP)
        gap_right = max(0, width - cell_len(left) - gap_left - cell_len(middle) - cell_len(right))
        return Text.assemble(
            (left, "bold"), " " * gap_left, (middle, "bold"), " " * gap_right, right, no_wrap=True, overflow="crop"
        )
