"""Asks for a folder and writes the results of a run to it, or its network."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


@dataclass(frozen=True)
class Exportable:
    """Files of a run that can be written to a folder."""

    name: str
    """What they are: `results`."""
    files: Sequence[str]
    """Their names."""
    proposal: Path
    """The folder that is proposed."""
    write: Callable[[Path], object]
    """Writes them to a folder. Called off the event loop."""
    meanwhile: str = ""
    """What is told while they are written, if that can take long."""
    owner: str = "this run"


class ExportTo(Dialog[Path | None]):
    """Writes files to a folder of the user's choice. Returns that folder; None if the dialog was closed.

    If the files cannot be written, the reason is shown and the path can be corrected.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Back"),
        ("ctrl+n", "other", "The other files"),
    ]

    def __init__(self, first: Exportable, other: Exportable | None = None) -> None:
        """`other` can be chosen instead of `first`."""
        super().__init__()
        self._chosen, self._other = first, other
        self._is_writing = False

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "export"
            yield Static(id="what", markup=False)
            yield Static(id="files", markup=False, classes="detail")
            line = Input(
                clean(self._chosen.proposal),
                placeholder="path of a folder; → completes it",
                suggester=FolderSuggester(self),
                compact=True,
            )
            line.cursor_blink = False  # each blink would be sent to the terminal
            yield line
            yield Static(classes="problem")
            yield Static(id="meanwhile", markup=False, classes="detail")
            with Horizontal(classes="buttons"):
                yield Button("Write", id="write", compact=True)
                if self._other is not None:
                    yield Button("", id="other", compact=True)
                yield Button("Back", id="back", compact=True)

    def on_mount(self) -> None:
        self._show_problem("")
        self._show_chosen()
        self.query_one(Input).focus()

    def _show_chosen(self) -> None:
        self.query_one("#what", Static).update(
            f"Write the {self._chosen.name} of {self._chosen.owner} to a folder, which is created if needed:"
        )
        self.query_one("#files", Static).update(", ".join(self._chosen.files))
        meanwhile = self.query_one("#meanwhile", Static)
        meanwhile.update(self._chosen.meanwhile)
        meanwhile.display = self._is_writing and bool(self._chosen.meanwhile)
        if self._other is not None:
            self.query_one("#other", Button).label = f"The {self._other.name} instead  Ctrl+N"

    @on(Button.Pressed, "#other")
    def action_other(self) -> None:
        """Offer the other files. A folder that the user typed stays."""
        if self._other is None or self._is_writing:
            return
        before, self._chosen, self._other = self._chosen, self._other, self._chosen
        line = self.query_one(Input)
        if line.value == clean(before.proposal):
            line.value = clean(self._chosen.proposal)
            line.cursor_position = len(line.value)
        self._show_problem("")
        self._show_chosen()

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
            self._show_chosen()
            work.run(self, lambda: self._chosen.write(folder), lambda _: self._written(folder), self._failed)

    def _written(self, folder: Path) -> None:
        self.dismiss(folder)

    def _failed(self, error: EngineError) -> None:
        self._is_writing = False
        self._show_chosen()
        self._show_problem(error.message)
        self.query_one(Input).focus()

    def _show_problem(self, problem: str) -> None:
        shown = self.query_one(".problem", Static)
        shown.update(Content(f"✘ {problem}"))
        shown.display = bool(problem)
