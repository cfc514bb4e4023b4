"""Asks for other constants of a run that trains."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar

from textual import on
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Horizontal, Vertical
from textual.content import Content
from textual.widgets import Button, Input, Label, Static

from engine.config import CONSTANTS, Constant
from engine.control import CHANGEABLE, ChangeableName
from engine.text import clean
from tui.dialogs.dialog import Dialog

Values = dict[ChangeableName, int | float]


class NewConstants(Dialog[Values | None]):
    """Returns the constants that shall have another value; None if the dialog was closed.

    A value that is not allowed is told, and can be corrected.
    """

    BINDINGS: ClassVar[list[BindingType]] = [("escape", "dismiss(None)", "Back")]
    DEFAULT_CSS = """
    NewConstants {
        .value { height: 1; margin-bottom: 1; }
        .value Label { width: 16; }
        .value Input { width: 16; margin: 0 2 0 0; }
        .value .now { width: 1fr; color: $text-muted; }
        .problem { margin-top: 0; }
    }
    """

    def __init__(self, values: Mapping[ChangeableName, int | float], done: float, *, scheduled: bool) -> None:
        """`values` are those of now, `done` the epochs that are done. The rate may be `scheduled`: not constant."""
        super().__init__()
        self._now, self._done, self._scheduled = values, done, scheduled

    def compose(self) -> ComposeResult:
        notes = {
            "learning_rate": "its full value, which the schedule lowers" if self._scheduled else "",
            "epochs": f"{self._done:.1f} are done",
        }
        with Vertical() as box:
            box.border_title = "change"
            for name in CHANGEABLE:
                with Horizontal(classes="value"):
                    yield Label(_constant(name).label)
                    line = Input(f"{self._now[name]}", id=name, compact=True)
                    line.cursor_blink = False  # each blink would be sent to the terminal
                    yield line
                    yield Label(notes[name], classes="now")
            yield Static(classes="problem")
            yield Static(
                "They count from the next iteration on, also in a pause, and are kept when the run is resumed.",
                classes="detail",
            )
            with Horizontal(classes="buttons"):
                yield Button("Change", id="change", compact=True)
                yield Button("Back", id="back", compact=True)

    def on_mount(self) -> None:
        self._show_problem("")
        self.query(Input).first().focus()

    @on(Button.Pressed, "#back")
    def _back(self) -> None:
        self.dismiss(None)

    @on(Button.Pressed, "#change")
    @on(Input.Submitted)
    def _take(self) -> None:
        found: Values = {}
        for name in CHANGEABLE:
            line = self.query_one(f"#{name}", Input)
            try:
                value = _constant(name).read(line.value)
                if name == "epochs" and value < self._done:
                    raise ValueError(f"{value} would be fewer than the {self._done:.1f} that are done")
            except ValueError as error:
                self._show_problem(f"{_constant(name).label}: {error}")
                line.focus()
                return
            if value != self._now[name]:
                found[name] = value
        self.dismiss(found or None)

    def _show_problem(self, problem: str) -> None:
        shown = self.query_one(".problem", Static)
        shown.update(Content(f"✘ {clean(problem)}"))
        shown.display = bool(problem)


def _constant(name: ChangeableName) -> Constant:
    return next(each for each in CONSTANTS if each.name == name)
