"""Which columns a list of runs has, and which one it is sorted by."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import Input, OptionList, Static
from textual.widgets.option_list import Option

from engine.storage.columns import BY_NAME, COLUMNS, Column
from tui.dialogs.dialog import Dialog
from tui.look.cells import fitted

_USUAL = "the usual ones"
_ROOM = 44
"""Cells of the help beside a name."""


class RunColumns(Dialog[None]):
    """A list of all columns. What is chosen is shown at once; Esc closes."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Close"),
        ("o", "sort", "Sort"),
        ("slash", "search", "Search"),
        ("down", "down", "To the list"),
    ]
    DEFAULT_CSS = """
    RunColumns OptionList {
        height: auto; max-height: 10; border: none; padding: 0; background: $surface; scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    RunColumns Input { margin: 0 0 1 0; }
    """

    def __init__(
        self,
        shown: Callable[[], Sequence[Column]],
        toggle: Callable[[Column | None], None],
        sort: Callable[[Column], None],
    ) -> None:
        """`shown` returns the columns of the list, `toggle` shows one or hides it (None: the usual ones)."""
        super().__init__()
        self._shown, self._toggle, self._sort = shown, toggle, sort

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "columns"
            box.border_subtitle = "enter shows or hides · o sorts by it · / searches · esc closes"
            line = Input(placeholder="a part of the name", compact=True)
            line.cursor_blink = False
            yield line
            yield OptionList()
            yield Static(id="help", classes="detail", markup=False)

    def on_mount(self) -> None:
        self._fill("")
        self.query_one(OptionList).focus()

    def _fill(self, part: str, at: str | None = None) -> None:
        """List the columns whose name has this part in it, those that are shown first."""
        shown = self._shown()
        columns = [*shown, *(column for column in COLUMNS if column not in shown)]
        columns = [column for column in columns if part.strip().casefold() in column.label]
        options = self.query_one(OptionList)
        options.clear_options()
        if not part:
            options.add_option(Option(f"  {_USUAL}", _USUAL))
        width = max(cell_len(column.label) for column in COLUMNS)
        for column in columns:
            name = f"{'✓' if column in shown else ' '} {column.label:<{width}}  "
            help_ = fitted(column.help, _ROOM)
            options.add_option(Option(Text.assemble(name, (help_, "dim"), no_wrap=True), column.name))
        ids = [option.id for option in options.options]
        if ids:
            options.highlighted = ids.index(at) if at in ids else min(1, len(ids) - 1)

    def on_input_changed(self, event: Input.Changed) -> None:
        self._fill(event.value)

    def on_input_submitted(self) -> None:
        self.query_one(OptionList).action_select()

    def on_option_list_option_highlighted(self, event: OptionList.OptionHighlighted) -> None:
        column = BY_NAME.get(event.option_id or "")
        self.query_one("#help", Static).update(column.help if column else "The columns that the list begins with.")

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self._toggle(BY_NAME.get(event.option_id or ""))
        self._fill(self.query_one(Input).value, event.option_id)

    def action_sort(self) -> None:
        options = self.query_one(OptionList)
        if options.highlighted is not None:
            column = BY_NAME.get(options.get_option_at_index(options.highlighted).id or "")
            if column is not None:
                self._sort(column)

    def action_search(self) -> None:
        self.query_one(Input).focus()

    def action_down(self) -> None:
        self.query_one(OptionList).focus()
