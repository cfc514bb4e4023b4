"""Before a run: its constants, what they will lead to, and Start."""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.message import Message
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Button, Label, Select, Static

from engine import __version__
from engine.config import CONSTANTS, PRESETS, TrainingConfig
from engine.errors import ConstantError, EngineError
from engine.preflight import Check, Preflight
from engine.text import clean
from tui.widgets.config_form import ConfigForm
from tui.widgets.keys import Keys
from tui.widgets.preflight_panel import PreflightPanel
from tui.widgets.title_bar import TitleBar

PATIENCE = 10.0
"""Seconds that a look waits for the one before it; a folder that never answers must not hold up the next one."""


class SetupScreen(Screen[None]):
    """The form, the look before the start, and Start.

    `values` fill the form by name. `look` is called off the event loop, in a daemon thread, since it may import torch
    or read a slow disk; its answer counts only if the config is still the same. `pause` is how many seconds nothing
    has to change before it is called: a number is typed by then, and at first the form is painted.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", priority=True),
        Binding(
            *("ctrl+b", "start_in_background", "Background"),
            priority=True,
            tooltip="Start as a process of its own, which goes on whatever becomes of this one, and watch it",
        ),
        Binding("ctrl+y", "copy_command", "Copy command", priority=True),
        Binding("ctrl+o", "app.runs", "Runs", priority=True),
        Binding("f1", "app.help", "Help"),
        Binding("q", "app.leave", "Leave"),
        # The footer shows the first of the two that works: while a line is edited, q is a letter.
        Binding("ctrl+q", "app.leave", "Leave", priority=True),
        Binding("escape", "unfocus", "Leave the field", show=False),
        Binding("up", "app.focus_previous", "Previous field", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
    ]

    DEFAULT_CSS = """
    SetupScreen {
        #body { height: 1fr; width: 100%; layout: vertical; overflow: hidden auto; scrollbar-size-vertical: 1; }
        ConfigForm { max-height: 80%; }
        PreflightPanel { height: auto; max-height: 100%; }
        PreflightPanel.-folded { height: 1fr; }
        #bar {
            height: 1;
            padding: 0 1;
            Label { width: auto; color: $foreground 70%; padding: 0 1 0 1; }
            Select { width: 22; & > SelectCurrent { background: $surface; padding: 0; } }
            #status { width: 1fr; text-align: right; padding: 0 2; color: $foreground 60%; text-wrap: nowrap; }
            #status.-wrong { color: $text-error; }
            Button { min-width: 19; background: $accent; color: auto 90%; }
            Button:disabled { background: $surface; color: $foreground; }
        }
        &.-beside {
            #body { layout: horizontal; }
            ConfigForm { width: 1fr; max-height: 100%; margin-right: 1; }
            ConfigForm.-explained { width: 2fr; }
            PreflightPanel { width: 1fr; height: auto; max-height: 100%; }
        }
    }
    """

    class StartRun(Message):
        """Start a run of `config` in this process, and show it."""

        def __init__(self, config: TrainingConfig) -> None:
            super().__init__()
            self.config = config

    class StartInBackground(StartRun):
        """Start a run of `config` as a process of its own, and watch it."""

    class Looked(Message):
        """The look at `config` is over."""

        def __init__(self, config: TrainingConfig, preflight: Preflight) -> None:
            super().__init__()
            self.config = config
            self.preflight = preflight

    def __init__(
        self, values: Mapping[str, object], look: Callable[[TrainingConfig], Preflight], *, pause: float = 0.3
    ) -> None:
        super().__init__()
        self._form = ConfigForm(values)
        self._panel = PreflightPanel()
        self._look = look
        self._pause = pause
        self._turn = threading.Lock()
        self._waiting: Timer | None = None
        self._config: TrainingConfig | None = self._form.start
        self._refused: dict[str, str] = {}
        self._preflight: Preflight | None = None
        self._wish: type[SetupScreen.StartRun] | None = None
        """The start that was asked for before the checks were done."""

    def compose(self) -> ComposeResult:
        self._arrange(self.app.size)  # before anything stands in it, so that styles are worked out once
        yield TitleBar("cifar-tui", "new run", __version__)
        with Container(id="body"):
            yield self._form
            yield self._panel
        with Horizontal(id="bar"):
            yield Label("preset", markup=False)
            yield Select([(name, name) for name in PRESETS], prompt="custom", compact=True)
            yield Static(id="status", markup=False)
            yield Button("Start  Ctrl+R", variant="primary", compact=True)
        yield Keys()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """At first, and back from another screen: the name may be taken by now, or the data downloaded."""
        event.refresh_styles = False  # at first they have only just been worked out, and later none has changed
        try:
            config = self._form.config()
        except ConstantError:
            config = None
        self._use(config)

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size)

    def _arrange(self, size: Size) -> None:
        width, height = size
        beside = width >= 110 and height >= 30
        self.set_class(beside, "-beside")
        self._form.columns = 1 if beside or width < 76 else 2
        self._form.airy = beside and height >= 36
        self._form.explained = width >= 180 and height >= 50
        self._panel.folded = not beside and height < 40
        self._panel.airy = beside and height >= 36

    # What the app says and asks

    @property
    def values(self) -> dict[str, str]:
        """What stands in the form, as text, by constant name."""
        return self._form.values

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Shows reasons that only a start found out beside their fields, until something is edited."""
        self._refused = dict(problems)
        self._form.show_problems(problems)

    def choose(self, name: str, value: str | None) -> None:
        """Sets a constant, or with None asks for a value that is not among its choices."""
        self._form.choose(name, value)

    # What was typed, and what a look at it found

    @on(ConfigForm.Changed)
    def _form_changed(self, event: ConfigForm.Changed) -> None:
        if event.config is None or event.config != self._config:
            self._refused = {}
            self._use(event.config)

    def _use(self, config: TrainingConfig | None) -> None:
        self._config = config
        self._preflight = None
        self._wish = None
        if self._waiting is not None:
            self._waiting.stop()
        if config is None:
            self._panel.show_checks(None, waiting="waits for the constants")
        else:
            self._panel.show_checks(None)
            if self._pause:
                self._waiting = self.set_timer(self._pause, self._look_now)
            else:
                self._look_now()
        self._panel.show_command(config)
        with self.prevent(Select.Changed):
            self.query_one("#bar Select", Select).value = _preset(config) or Select.NULL
        self._show_status()

    def _look_now(self) -> None:
        if self._config is not None:
            # A daemon, not Textual's thread worker: leaving the app waits for those, and importing torch takes seconds.
            threading.Thread(target=self._look_at, args=(self._config,), name="preflight", daemon=True).start()

    def _look_at(self, config: TrainingConfig) -> None:
        """In a thread of its own. One look at a time, and none at what nobody waits for any more."""
        in_turn = self._turn.acquire(timeout=PATIENCE)
        try:
            if config is not self._config:
                return
            preflight = self._look(config)
        except EngineError as error:
            problems = error.problems if isinstance(error, ConstantError) else {}
            preflight = Preflight((Check("run", False, tuple(error.message.splitlines())),), problems)
        except Exception as error:  # noqa: BLE001 - whatever it is, the form must stay usable
            said = f"{type(error).__name__}: {error}"
            preflight = Preflight((Check("run", False, ("The look before the start failed.", clean(said))),))
        finally:
            if in_turn:
                self._turn.release()
        with suppress(RuntimeError):  # the app has ended meanwhile
            self.post_message(self.Looked(config, preflight))

    @on(Looked)
    def _show_look(self, event: Looked) -> None:
        if event.config is not self._config:
            return
        self._preflight = event.preflight
        self._panel.show_checks(event.preflight)
        self._form.show_problems({**self._refused, **event.preflight.problems})
        wish, self._wish = self._wish, None
        self._show_status()
        if wish is not None and self._ready and self.app.screen is self:
            self.post_message(wish(event.config))

    def _show_status(self) -> None:
        preflight = self._preflight
        if self._config is None:
            said, wrong = "a constant is wrong", True
        elif preflight is None:
            said, wrong = "looking…" if self._wish is None else "starts when ready…", False
        elif preflight.ready:
            said, wrong = "ready", False
        else:
            said, wrong = "cannot start yet", True
        status = self.query_one("#status", Static)
        status.update(Content(said))
        status.set_class(wrong, "-wrong")
        self.query_one(Button).disabled = not self._startable
        self.refresh_bindings()

    @property
    def _ready(self) -> bool:
        return self._config is not None and self._preflight is not None and self._preflight.ready

    @property
    def _startable(self) -> bool:
        """Whether a start may be asked for: where the look is not over yet, it is done as soon as it is."""
        return self._ready or (self._config is not None and self._preflight is None)

    # Presets and keys

    @on(Select.Changed, "#bar Select")
    def _use_preset(self, event: Select.Changed) -> None:
        if event.value is not Select.NULL:
            self._form.set_values(_filled(str(event.value)))

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.action_start()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None shows a key as not working now."""
        if action in ("start", "start_in_background"):
            return self._startable or None
        if action == "copy_command":
            return self._config is not None or None
        return super().check_action(action, parameters)

    def action_start(self) -> None:
        self._start(self.StartRun)

    def action_start_in_background(self) -> None:
        self._start(self.StartInBackground)

    def _start(self, start: type[StartRun]) -> None:
        if self._config is not None and self._ready:
            self.post_message(start(self._config))
        elif self._startable:
            self._wish = start
            self._show_status()

    def action_copy_command(self) -> None:
        command = self._panel.command
        if command != clean(command):
            self.notify("It holds characters that cannot be shown: not copied.", severity="warning", markup=False)
        elif command:
            self.app.copy_to_clipboard(command)
            self.notify("The command is in the clipboard.", markup=False)

    def action_unfocus(self) -> None:
        self.set_focus(None)


def _filled(preset: str) -> dict[str, object]:
    """All constants as a preset sets them; the group `run`, which no preset touches, is left out."""
    return {c.name: c.default for c in CONSTANTS if c.group != "run"} | PRESETS[preset]


def _preset(config: TrainingConfig | None) -> str | None:
    """The preset that this config is, if it is one."""
    if config is None:
        return None
    return next((n for n in PRESETS if TrainingConfig.checked({**config.as_json(), **_filled(n)}) == config), None)
