"""Before a run: its constants, what they lead to, and Start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container, Horizontal
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen
from textual.timer import Timer
from textual.widgets import Button, Label, Select, Static

from engine import __version__
from engine.config import PRESETS, Preset, TrainingConfig, preset_of
from engine.errors import ConstantError, EngineError
from engine.preflight import Check, Preflight
from engine.text import clean
from tui import work
from tui.dialogs.choice import not_copied
from tui.folders import FolderSuggester
from tui.screens.messages import StartInBackground, StartRun
from tui.terminal import clipboard
from tui.widgets.config_form import ConfigForm
from tui.widgets.keys import Keys
from tui.widgets.preflight_panel import PreflightPanel
from tui.widgets.title_bar import TitleBar

PATIENCE = 10.0
"""Seconds that checks wait for those before them. A folder that never answers must not hold up the next checks."""

START_HELP = Content(
    "Ctrl+R trains here and shows the training. Ctrl+B trains in a process of its own, which goes on if this program"
    " or its terminal is closed. If a constant is wrong, both go to its field."
)
PRESET_HELP = Content(
    "Fills in all constants except the group run." + "".join(f"\n{preset.name}: {preset.help}" for preset in PRESETS)
)


class SetupScreen(Screen[None]):
    """The form, the checks before the start, and Start.

    `values` fill the form, by constant name. `look` makes the checks; it is called off the event loop, since it may
    import torch or read a slow disk. It is called once nothing has changed for `pause` seconds: by then the form is
    painted, and a number is typed. `tmux` copies a text through tmux; None outside tmux.
    """

    HELP: ClassVar[str] = (
        "The constants of a new run. The checks show what a start would do; the command starts the same run without"
        " the screen. If a constant is wrong, the reason stands below it. Up and Down move between fields, Enter"
        " opens a list, and → completes the path of a folder."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+r", "start", "Start", priority=True, tooltip="Start the run, or go to what is wrong"),
        Binding(
            *("ctrl+b", "start_in_background", "Background"),
            priority=True,
            tooltip="Start the run in a process of its own, which goes on if this program is closed, and watch it",
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
            Select {
                width: 22;
                & > SelectCurrent { background: $surface; padding: 0; }
                /* There is no room below: the list opens above, and the offset keeps the value in sight. */
                & > SelectOverlay { constrain: none inflect; offset-y: -1; background: $panel; }
            }
            #status { width: 1fr; text-align: right; padding: 0 2; color: $foreground 60%; text-wrap: nowrap; }
            #status.-wrong { color: $text-error; }
            Button { min-width: 19; background: $accent; color: auto 90%; }
            Button:focus { text-style: bold underline; }
            Button.-wrong { background: $surface; color: $foreground; }
        }
        &.-beside {
            #body { layout: horizontal; }
            ConfigForm { width: 1fr; max-height: 100%; margin-right: 1; }
            ConfigForm.-explained { width: 2fr; }
            PreflightPanel { width: 1fr; height: auto; max-height: 100%; }
        }
    }
    """

    def __init__(
        self,
        values: Mapping[str, object],
        look: Callable[[TrainingConfig], Preflight],
        *,
        pause: float = 0.3,
        tmux: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._form = ConfigForm(values, FolderSuggester(self))
        self._panel = PreflightPanel()
        self._look = look
        self._pause = pause
        self._tmux = tmux
        self._waiting: Timer | None = None
        """Counts down to the next checks."""
        self._under_check: TrainingConfig | None = None
        """The config whose checks are running."""
        self._is_due = False
        """Whether new checks wait for those running."""
        self._config: TrainingConfig | None = self._form.start
        self._refused: dict[str, str] = {}
        self._preflight: Preflight | None = None
        self._wish: type[StartRun] | None = None
        """The start that was asked for before the checks were done."""

    def compose(self) -> ComposeResult:
        self._arrange(self.app.size)  # before there are children, so that styles are worked out once
        yield TitleBar("cifar-tui", "new run", __version__)
        with Container(id="body"):
            yield self._form
            yield self._panel
        with Horizontal(id="bar"):
            yield Label("preset", markup=False)
            yield Select([(preset.name, preset) for preset in PRESETS], prompt="custom", compact=True)
            yield Static(id="status", markup=False)
            yield Button("Start  Ctrl+R", variant="primary", compact=True)
        yield Keys()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Check again when coming back: the name may be taken by now, or the data downloaded."""
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
        self._panel.folded = not beside and height < 34
        self._panel.brief = not beside and height < 29
        self._panel.airy = beside and height >= 36

    # For the app

    @property
    def values(self) -> dict[str, str]:
        """The text of every field, by constant name."""
        return self._form.values

    def fill(self, values: Mapping[str, object]) -> None:
        """Fill in the constants named in `values`. Raises `ConstantError` if one is not allowed."""
        self._form.set_values(values)

    def show_problems(self, problems: Mapping[str, str]) -> None:
        """Show reasons that only a start found beside their fields, until something is edited."""
        self._refused = dict(problems)
        self._form.show_problems(problems)
        self._show_status()

    def choose(self, name: str, value: str | None) -> None:
        """Set a constant and move to it; None asks for a value that is not among its choices."""
        self._form.choose(name, value)

    # Edits, and the checks that follow

    @on(ConfigForm.Changed)
    def _form_changed(self, event: ConfigForm.Changed) -> None:
        if event.config is None or event.config != self._config:
            self._refused = {}
            self._use(event.config)

    def _use(self, config: TrainingConfig | None) -> None:
        self._config = config
        self._preflight = None
        self._wish = None
        if config is None:
            self._check_after(None)
            self._panel.show_checks(None, waiting="waits for the constants")
        else:
            self._panel.show_checks(None)
            self._check_after(self._pause)
        self._panel.show_command(config)
        self._show_preset()
        self._show_status()

    def _check_after(self, seconds: float | None) -> None:
        """Check the config in so many seconds; None: not at all."""
        self._is_due = False
        if self._waiting is not None:
            self._waiting.stop()
        if seconds:
            self._waiting = self.set_timer(seconds, self._check)
        elif seconds is not None:
            self._check()

    def _check(self, *, beside: bool = False) -> None:
        """Start the checks once those running are done, or, with `beside`, at once."""
        config = self._config
        if config is None:
            return
        if self._under_check is not None and not beside:
            self._is_due = True
            self._waiting = self.set_timer(PATIENCE, partial(self._check, beside=True))
            return
        self._under_check = config
        work.run(self, partial(self._look_at, config), partial(self._looked, config))

    def _look_at(self, config: TrainingConfig) -> Preflight:
        """Make the checks. Not on the event loop."""
        try:
            return self._look(config)
        except ConstantError as error:
            return Preflight((Check("run", False, (), tuple(error.problems)),), error.problems)
        except EngineError as error:
            return Preflight((Check("run", False, tuple(error.message.splitlines())),))
        except Exception as error:  # noqa: BLE001 - the form must stay usable
            reason = clean(f"{type(error).__name__}: {error}")
            return Preflight((Check("run", False, ("The checks before the start failed.", reason)),))

    def _looked(self, config: TrainingConfig, preflight: Preflight) -> None:
        if config is self._under_check:
            self._under_check = None
        if self._is_due:
            self._check_after(0)
        if config is not self._config:
            return
        self._preflight = preflight
        self._panel.show_checks(preflight)
        self._form.show_problems({**self._refused, **preflight.problems})
        wish, self._wish = self._wish, None
        self._show_status()
        if wish is not None and preflight.ready and self.app.screen is self:
            self.post_message(wish(config))

    def _show_status(self) -> None:
        wrong = self._form.wrong
        is_wrong = any(not field.is_awaited for field in wrong)
        if is_wrong:
            text = "1 constant is wrong" if len(wrong) == 1 else f"{len(wrong)} constants are wrong"
        elif wrong:
            text = f"{wrong[0].constant.label} is still empty"
        elif self._preflight is None:
            text = "checking…" if self._wish is None else "starts when ready…"
        else:
            is_wrong = not self._preflight.ready
            text = "cannot start yet" if is_wrong else "ready"
        self.query_one("#status", Static).update(Content(text))
        self.query_one("#status").set_class(is_wrong, "-wrong")
        self.query_one(Button).set_class(is_wrong, "-wrong")
        self.refresh_bindings()

    # Presets, help and keys

    @on(Select.Changed, "#bar Select")
    def _use_preset(self, event: Select.Changed) -> None:
        if isinstance(event.value, Preset):
            self._form.set_values(event.value.constants())
        else:
            self._show_preset()  # "custom" is no set of constants: show what there is

    def _show_preset(self) -> None:
        with self.prevent(Select.Changed):
            preset = preset_of(self._config) if self._config else None
            self.query_one("#bar Select", Select).value = preset or Select.NULL

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the help of what has the focus outside the form."""
        if isinstance(event.widget, Button):
            self._form.show_help(START_HELP)
        elif isinstance(event.widget, PreflightPanel):
            self._form.show_help(Content())
        elif event.widget.parent is self.query_one("#bar"):
            self._form.show_help(PRESET_HELP)

    @on(Button.Pressed)
    def _pressed(self) -> None:
        self.action_start()

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None shows a key as not working now."""
        if action == "copy_command":
            return self._config is not None or None
        return super().check_action(action, parameters)

    def action_start(self) -> None:
        self._start(StartRun)

    def action_start_in_background(self) -> None:
        self._start(StartInBackground)

    def _start(self, start: type[StartRun]) -> None:
        """Start, or show what is in the way."""
        if self._form.go_to_wrong():
            self._show_status()
        elif self._config is None or (self._preflight is not None and not self._preflight.ready):
            self._panel.show_failed()
        elif self._preflight is None:
            self._wish = start
            self._show_status()
        else:
            self.post_message(start(self._config))

    def action_copy_command(self) -> None:
        command = self._panel.command
        if command != clean(command):
            self._panel.show_note("not copied: it holds characters that cannot be shown")
        elif self._tmux is not None:
            work.run(
                self,
                partial(self._tmux, command),
                lambda _: self._panel.show_note("copied to tmux, and sent to the terminal's clipboard"),
                lambda error: self.app.push_screen(not_copied(error.message, command)),
            )
        else:
            self.app.copy_to_clipboard(command)
            self._panel.show_note("sent to the terminal's clipboard" + " (tmux may drop it)" * clipboard.behind_tmux())

    def action_unfocus(self) -> None:
        self.set_focus(None)
