"""One of the sweeps in a folder of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical
from textual.widgets import OptionList
from textual.widgets.option_list import Option

from tui.dialogs.dialog import Dialog
from tui.look.cells import cropped

_NAME_CELLS = 50


class SweepChoice(Dialog[Path | None]):
    """Asks for a sweep. Returns its folder; None if the dialog was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]
    DEFAULT_CSS = """
    SweepChoice > Vertical { width: 60; }
    SweepChoice OptionList {
        height: auto; max-height: 16; border: none; padding: 0; background: $surface; scrollbar-size-vertical: 1;
        &:focus { border: none; }
    }
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        """`folders` are those of the sweeps, the latest first."""
        super().__init__()
        self._folders = folders

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "sweeps"
            box.border_subtitle = "↑ ↓ enter chooses · esc closes"
            yield OptionList(*(Option(cropped(folder.name, _NAME_CELLS)) for folder in self._folders), markup=False)

    def on_option_list_option_selected(self, event: OptionList.OptionSelected) -> None:
        self.dismiss(self._folders[event.option_index])
