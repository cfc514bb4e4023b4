"""A question with a few answers, and the questions that the app asks."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.widgets import Button, Static

from engine.text import clean
from tui.dialogs.dialog import Dialog


class Choice(Dialog[str | None]):
    """A question whose answers are buttons. Returns the value of the chosen one; None if the dialog was closed."""

    BINDINGS: ClassVar[list[BindingType]] = [
        ("escape", "dismiss(None)", "Back"),
        ("left", "app.focus_previous", "Previous"),
        ("right", "app.focus_next", "Next"),
    ]

    def __init__(self, question: str, detail: str, answers: dict[str, str]) -> None:
        """`answers` maps the value of each answer to the text of its button. The last button has the focus."""
        super().__init__()
        self._question, self._detail, self._answers = question, detail, answers

    def compose(self) -> ComposeResult:
        with Vertical() as box:
            box.border_title = "cifar-tui"
            yield Static(self._question, markup=False)
            if self._detail:
                yield Static(self._detail, markup=False, classes="detail")
            with Horizontal(classes="buttons"):
                for value, text in self._answers.items():
                    yield Button(text, id=value, compact=True)

    def on_mount(self) -> None:
        self.query(Button).last().focus()

    def on_button_pressed(self, event: Button.Pressed) -> None:
        self.dismiss(event.button.id)


def leaving() -> Choice:
    """Asked when the user leaves while a run is training."""
    return Choice(
        "The run is still training. What should happen to it?",
        "Stop: the test images are evaluated and the summary is written. Go on: training continues without the screen,"
        " and this terminal shows one line of progress until the run ends.",
        {"stop": "Stop, keep results", "go_on": "Go on without screen", "stay": "Stay"},
    )


def coming_back(name: str, *, live: bool) -> Choice:
    """Asked at the start if a run here is training in another process, or was interrupted."""
    if live:
        return Choice(
            f"The run {clean(name)} is training here.",
            "You can watch it. It trains in a process of its own, so leaving does not end it.",
            {"new": "New run", "watch": "Watch it"},
        )
    return Choice(
        f"The run {clean(name)} was interrupted.",
        "It can go on from its newest checkpoint, with the same constants and images. The result is the same as"
        " without the interruption.",
        {"never": "Do not ask again", "new": "New run", "show": "Look at it", "resume": "Go on with it"},
    )


def unfinished(name: str, status: str) -> Choice:
    """Asked when the user opens a run that did not complete."""
    return Choice(
        f"The run {clean(name)} is {status}.",
        "It can go on from its newest checkpoint, with the same constants and images.",
        {"resume": "Go on with it", "show": "Look at it"},
    )


def images_missing(reason: str) -> Choice:
    """Asked when the images of a new run could not be loaded."""
    return Choice(
        "The images could not be loaded, so no run was started.",
        clean(reason, keep_lines=True),
        {"again": "Try again", "demo": "Use the demo set", "folder": "Choose a folder", "back": "Back"},
    )


def not_copied(reason: str, command: str) -> Choice:
    """Shows a command that could not be copied, so that it can be selected in the terminal."""
    return Choice("The command was not copied.", f"{clean(reason)}\n\n{clean(command)}", {"back": "Back"})
