"""Asks for a folder and writes the files of a run to it."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Input, Static

from tui.dialogs.dialog import Dialog


class ExportTo(Dialog[Path | None]):
    """Where the files are to be written. Returns the folder; None if the dialog was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]

    def __init__(self, proposal: Path) -> None:
        super().__init__()
        self._proposal = proposal

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "export"
            yield Static("Write summary.json, loss.csv, report.md and loss.svg to this folder:", markup=False)
            yield Input(str(self._proposal), placeholder="a folder; it is made if it is not there")
            yield Static("", markup=False, classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Write", id="write", compact=True)
                yield Button("Back", id="back", compact=True)

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self) -> None:
        self._write()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        if event.button.id == "write":
            self._write()
        else:
            self.dismiss(None)

    def _write(self) -> None:
        text = self.query_one(Input).value.strip()
        if not text or "\0" in text:
            self.query_one(".problem", Static).update("Name a folder.")
            return
        self.dismiss(Path(text).expanduser())
