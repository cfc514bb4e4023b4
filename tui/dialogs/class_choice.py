"""One of the classes, or all of them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList
from textual.widgets.option_list import Option

from engine.text import clean
from tui.dialogs.dialog import Dialog
from tui.look.cells import cropped

ALL = -1
"""The answer that means all classes."""

SEARCHED = 20
"""With more classes there is a field to type a part of the name into."""

_NAME_CELLS = 40


class ClassChoice(Dialog[int | None]):
    """Asks for a class. Returns its index, or `ALL`; None if the dialog was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Back"),
        ("down", "down", "To the list"),
    ]
    DEFAULT_CSS = """
    ClassChoice > Vertical { width: 60; }
    ClassChoice OptionList {
        height: auto; max-height: 16; border: none; padding: 0; background: $surface; scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    ClassChoice Input { margin: 0 0 1 0; }
    """

    def __init__(self, title: str, names: Sequence[str], counts: Sequence[int], chosen: int | None) -> None:
        """`counts` is the number of images that each class would show, and those of all classes."""
        super().__init__()
        self._title, self._names, self._counts, self._chosen = title, names, counts, chosen

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = self._title
            box.border_subtitle = "↑ ↓ enter chooses · esc closes"
            if len(self._names) > SEARCHED:
                yield Input(placeholder="a part of the name")
            yield OptionList()

    def on_mount(self) -> None:
        self._fill("")
        options = self.query_one(OptionList)
        options.highlighted = 0 if self._chosen is None else self._chosen + 1
        (self.query(Input).first() if self.query(Input) else options).focus()

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value.strip().lower())

    def on_input_submitted(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            options.action_select()

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(int(event.option.id or ALL))

    def action_down(self) -> None:
        self.query_one(OptionList).focus()

    def _fill(self, part: str) -> None:
        """List the classes whose name has this part in it."""
        options = self.query_one(OptionList)
        options.clear_options()
        rows = [("all classes", ALL, self._counts[-1])] if not part else []
        rows += [(name, i, self._counts[i]) for i, name in enumerate(self._names) if part in clean(name).lower()]
        cells = max((cell_len(cropped(name, _NAME_CELLS)) for name, _, _ in rows), default=0)
        for name, i, count in rows:
            shown = cropped(name, _NAME_CELLS)
            text = Text(shown + " " * (cells - cell_len(shown)) + f"  {count:>6,}", "" if count else "dim")
            options.add_option(Option(text, str(i)))
        if rows:
            options.highlighted = 0
