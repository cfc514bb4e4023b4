"""Questions that stand over a screen until they are answered."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.screen import ModalScreen
from textual.widgets import Button, Input, Static

from engine.text import clean


class Choice(ModalScreen[str | None]):
    """A question with a few answers: each a button, reached by Tab or the arrow keys, or by its own key."""

    DEFAULT_CSS = """
    Choice, ExportTo { align: center middle; }
    Choice > Vertical, ExportTo > Vertical {
        width: 72; max-width: 96%; height: auto; max-height: 96%;
        border: round $primary; background: $surface; padding: 1 2;
    }
    Choice .detail, ExportTo .detail { color: $text-muted; margin: 1 0 0 0; }
    Choice Horizontal, ExportTo Horizontal { height: auto; margin-top: 1; }
    Choice Button, ExportTo Button { margin-right: 1; }
    ExportTo Input { margin-top: 1; }
    ExportTo .problem { color: $error; height: auto; }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Back"),
        ("left", "app.focus_previous", "Previous"),
        ("right", "app.focus_next", "Next"),
    ]

    def __init__(self, question: str, detail: str, answers: dict[str, str]) -> None:
        """`answers` gives the text of each button by the value that is returned for it; the last one has the focus."""
        super().__init__()
        self._question, self._detail, self._answers = question, detail, answers

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "cifar-tui"
            yield Static(self._question, markup=False)
            if self._detail:
                yield Static(self._detail, markup=False, classes="detail")
            with Horizontal():
                for value, text in self._answers.items():
                    yield Button(text, id=value, compact=True)

    def on_mount(self) -> None:
        self.query(Button).last().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)


def leaving() -> Choice:
    """What to do with a run that still trains when the person leaves."""
    return Choice(
        "The run is still training. What should become of it?",
        "Stopping keeps the results: the test images are evaluated and the summary is written. Going on trains without"
        " the screen; this terminal then shows one line of progress until the run is done.",
        {"stop": "Stop, keep results", "go_on": "Go on without screen", "stay": "Stay"},
    )


def coming_back(name: str, *, live: bool) -> Choice:
    """What somebody wants who starts the program where a run trains, or was interrupted."""
    if live:
        return Choice(
            f"The run {clean(name)} is training here.",
            "Watching shows it as it goes on in its own process; leaving it again does not end it.",
            {"new": "New run", "watch": "Watch it"},
        )
    return Choice(
        f"The run {clean(name)} was interrupted.",
        "It can go on from its newest checkpoint, with the constants and images it had, as if it had never stopped.",
        {"new": "New run", "show": "Look at it", "resume": "Go on with it"},
    )


def unfinished(name: str, status: str) -> Choice:
    """What to do with a run that did not complete."""
    return Choice(
        f"The run {clean(name)} is {status}.",
        "It can go on from its newest checkpoint, with the constants and images it had.",
        {"resume": "Go on with it", "show": "Look at it"},
    )


def images_missing(reason: str) -> Choice:
    """What to do where the images could not be had."""
    return Choice(
        "The images could not be had, so nothing was started.",
        clean(reason, keep_lines=True),
        {"again": "Try again", "demo": "Use the demo set", "folder": "Choose a folder", "back": "Back"},
    )


class ExportTo(ModalScreen[Path | None]):
    """Where the bundle is to be written."""

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
            with Horizontal():
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
