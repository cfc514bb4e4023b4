"""The line below the form: the preset, whether the run can start, and Start."""

from __future__ import annotations

from textwrap import wrap

from rich.text import Text
from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Label, Select, Static

from engine.config import PRESETS, Preset

_NAME, _COLUMNS = 11, 66
"""Cells of a preset's name, and of a whole line of the list."""


class StartBar(Horizontal):
    """A list of presets, a status in words, and the button that starts. Start itself is the screen's action."""

    DEFAULT_CSS = """
    StartBar {
        height: 1;
        padding: 0 1;
        Label { width: auto; color: $foreground 70%; padding: 0 1 0 1; }
        Select {
            width: 14;
            & > SelectCurrent { background: $surface; padding: 0; height: 1; }
            & #label { height: 1; }
            /* There is no room below: the list opens above, and the offset keeps the value in sight. */
            & > SelectOverlay {
                constrain: none inflect;
                offset-y: -1;
                width: 70;
                max-width: 86vw;
                max-height: 80vh;
                background: $panel;
            }
        }
        #status { width: 1fr; text-align: right; padding: 0 2; color: $foreground 60%; text-wrap: nowrap; }
        #start { min-width: 19; background: $accent; color: auto 90%; }
        #start:focus { text-style: bold underline; }
        &.-wrong {
            #status { color: $text-error; }
            #start { background: $surface; color: $foreground; }
        }
    }
    """
    PRESET_HELP = Content("Fills in all constants except the group run. Enter shows what each preset does.")
    START_HELP = Content(
        "Ctrl+R trains here and shows the training. Ctrl+B trains in a process of its own, which goes on if this"
        " program or its terminal is closed. If a constant is wrong, both go to its field."
    )

    class PresetChosen(Message):
        """A preset was chosen."""

        def __init__(self, preset: Preset) -> None:
            super().__init__()
            self.preset = preset

    def __init__(self) -> None:
        super().__init__()
        self._preset: Preset | None = None

    def compose(self) -> ComposeResult:
        yield Label("preset", markup=False)
        yield Select([(_explained(preset), preset) for preset in PRESETS], prompt="custom", compact=True)
        yield Static(id="status", markup=False)
        yield Button("Start  Ctrl+R", id="start", compact=True, action="screen.start")

    def show_preset(self, preset: Preset | None) -> None:
        """Show which preset the constants equal; None shows "custom"."""
        self._preset = preset
        with self.prevent(Select.Changed):
            self.query_one(Select).value = preset or Select.NULL

    def show_status(self, status: str, *, wrong: bool) -> None:
        """Show in a few words whether the run can start."""
        self.query_one("#status", Static).update(Content(status))
        self.set_class(wrong, "-wrong")

    @property
    def help(self) -> Content:
        """The help of the part that has the focus."""
        return self.START_HELP if self.query_one(Button).has_focus else self.PRESET_HELP

    @on(Select.Changed)
    def _chosen(self, event: Select.Changed) -> None:
        event.stop()
        if isinstance(event.value, Preset):
            self.post_message(self.PresetChosen(event.value))
        else:
            self.show_preset(self._preset)  # "custom" sets no constants


def _explained(preset: Preset) -> Text:
    """An entry of the list: the name, and beside it what the preset does and what it reached.

    The name is so wide that the closed list, which shows the first line, has room for nothing else.
    """
    beside = [line for about in (preset.help, preset.reached) for line in wrap(about, _COLUMNS - _NAME)]
    return Text(preset.name.ljust(_NAME) + ("\n" + " " * _NAME).join(beside))
