"""Asks for a folder and writes the files of a run to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Static

from engine.errors import EngineError
from engine.files import expanded
from engine.text import clean
from tui import work
from tui.dialogs.dialog import Dialog
from tui.folders import FolderSuggester


class ExportTo(Dialog[Path | None]):
    """Writes files to a folder of the user's choice. Returns that folder; None if the dialog was closed.

    If the files cannot be written, the reason is shown and the path can be corrected.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]

    def __init__(self, proposal: Path, files: Sequence[str], write: Callable[[Path], object]) -> None:
        """`files` are the names of what `write` writes to a folder. `write` is called off the event loop."""
        super().__init__()
        self._proposal, self._files, self._write = proposal, files, write
        self._is_writing = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "export"
            yield Static("Write the files of this run to a folder, which is created if needed:", markup=False)
            yield Static(", ".join(self._files), markup=False, classes="detail")
            line = Input(
                clean(self._proposal),
                placeholder="path of a folder; → completes it",
                suggester=FolderSuggester(self),
                compact=True,
            )
            line.cursor_blink = False  # each blink would be sent to the terminal
            yield line
            yield Static(classes="problem")
            with Horizontal(classes="buttons"):
                yield Button("Write", id="write", compact=True)
                yield Button("Back", id="back", compact=True)

    def on_mount(self) -> None:
        self._show_problem("")
        self.query_one(Input).focus()

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#write")
    @on(Input.Submitted)
    def _start(self) -> None:
        text = self.query_one(Input).value.strip()
        if not text or "\0" in text:
            self._show_problem("Type the path of a folder.")
        elif not self._is_writing:
            folder = expanded(text)
            self._is_writing = True
            self._show_problem("")
            work.run(self, lambda: self._write(folder), lambda _: self._written(folder), self._failed)

    def _written(self, folder: Path) -> None:
        self.dismiss(folder)

    def _failed(self, error: EngineError) -> None:
        self._is_writing = False
        self._show_problem(error.message)
        self.query_one(Input).focus()

    def _show_problem(self, problem: str) -> None:
        shown = self.query_one(".problem", Static)
        shown.update(Content(f"✘ {problem}"))
        shown.display = bool(problem)
