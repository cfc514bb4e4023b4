"""What the screen below shows, and its keys."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.table import Table
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import VerticalScroll
from textual.widgets import Static

from tui.dialogs.dialog import Dialog


class HelpScreen(Dialog[None]):
    """The help of one screen. Escape, F1, q and Enter close it."""

    DEFAULT_CSS = """
    HelpScreen .about { margin-top: 1; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [("escape,f1,q,enter", "dismiss(None)", "Close")]

    def __init__(self, about: str, keys: Sequence[tuple[str, str]]) -> None:
        """`keys` pairs each key with what it does."""
        super().__init__()
        self._about, self._keys = about, keys

    def compose(self) -> ComposeResult:
        with VerticalScroll() as page:
            page.border_title = "help"
            page.border_subtitle = "esc closes"
            table = Table.grid(padding=(0, 2))
            for key, does in self._keys:
                table.add_row(Text(key, "bold"), Text(does))
            yield Static(table)
            if self._about:  # last: a long text must not push the keys out of sight
                yield Static(self._about, markup=False, classes="about")
