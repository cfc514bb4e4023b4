"""The line below the form: the preset, whether the run can start, and Start."""

from __future__ import annotations

from textual import on
from textual.app import ComposeResult
from textual.containers import Horizontal
from textual.content import Content
from textual.message import Message
from textual.widgets import Button, Label, Select, Static

from engine.config import PRESETS, Preset


class StartBar(Horizontal):
    """A list of presets, a status in words, and the button that starts. Start itself is the screen's action."""

    DEFAULT_CSS = """
    StartBar {
        height: 1;
        padding: 0 1;
        Label { width: auto; color: $foreground 70%; padding: 0 1 0 1; }
        Select {
            width: 22;
            & > SelectCurrent { background: $surface; padding: 0; }
            /* There is no room below: the list opens above, and the offset keeps the value in sight. */
            & > SelectOverlay { constrain: none inflect; offset-y: -1; background: $panel; }
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
    PRESET_HELP = Content(
        "Fills in all constants except the group run."
        + "".join(f"\n{preset.name}: {preset.help}" for preset in PRESETS)
    )
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
        yield Select([(preset.name, preset) for preset in PRESETS], prompt="custom", compact=True)
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
