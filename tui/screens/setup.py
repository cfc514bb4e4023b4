"""Before a run: its constants, what they lead to, and Start."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

from textual import events, on
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.content import Content
from textual.geometry import Size
from textual.screen import Screen

from engine import __version__
from engine.config import TrainingConfig, preset_of
from engine.errors import ConstantError
from engine.preflight import Preflight
from engine.text import clean
from tui import work
from tui.dialogs.choice import not_copied
from tui.folders import FolderSuggester
from tui.screens.checks import Checks
from tui.screens.messages import FindRate, StartInBackground, StartRun
from tui.screens.timing import Estimates, Timing
from tui.terminal import clipboard
from tui.widgets.config_form import ConfigForm
from tui.widgets.keys import Keys
from tui.widgets.preflight_panel import PreflightPanel
from tui.widgets.start_bar import StartBar
from tui.widgets.title_bar import TitleBar


class SetupScreen(Screen[None]):
    """The form, the checks before the start, and Start.

    `values` fill the form, by constant name. `look` makes the checks once nothing has changed for `pause` seconds: by
    then the form is painted, and a number is typed. `estimates` makes what measures how long a run takes, after another
    such pause; None: nothing does. `tmux` copies a text through tmux; None outside tmux.
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
        Binding("ctrl+y", "copy_command", "Copy command", priority=True, tooltip="Copy the command for the same run"),
        Binding(
            *("ctrl+l", "find_rate", "Find rate"),
            priority=True,
            tooltip="Find a learning rate for these constants: a hundred iterations at growing rates",
        ),
        Binding("ctrl+o", "app.runs", "Runs", priority=True, tooltip="The list of runs"),
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program"),
        # The footer shows the first of the two that works: while a line is edited, q is a letter.
        Binding("ctrl+q", "app.leave", "Leave", priority=True, tooltip="Close the program"),
        Binding("escape", "unfocus", "Leave the field", show=False),
        Binding("up", "app.focus_previous", "Previous field", show=False),
        Binding("down", "app.focus_next", "Next field", show=False),
    ]

    DEFAULT_CSS = """
    SetupScreen {
        #body { height: 1fr; width: 100%; layout: vertical; overflow: hidden auto; scrollbar-size-vertical: 1; }
        PreflightPanel { height: auto; }
        &.-low PreflightPanel { max-height: 50%; }
        &.-beside {
            #body { layout: horizontal; }
            ConfigForm { width: 2fr; margin-right: 1; }
            PreflightPanel { width: 1fr; max-height: 100%; }
        }
    }
    """

    def __init__(
        self,
        values: Mapping[str, object],
        look: Callable[[TrainingConfig], Preflight],
        *,
        pause: float = 0.3,
        estimates: Callable[[], Estimates] | None = None,
        tmux: Callable[[str], None] | None = None,
    ) -> None:
        super().__init__()
        self._form = ConfigForm(values, FolderSuggester(self))
        self._panel = PreflightPanel()
        self._bar = StartBar()
        self._checks = Checks(self, look, self._checked, pause)
        self._timing = Timing(self, estimates, self._panel.show_time, pause)
        self._tmux = tmux
        self._config: TrainingConfig | None = self._form.start
        self._refused: dict[str, str] = {}
        self._preflight: Preflight | None = None
        self._wish: type[StartRun] | None = None
        """The start that was asked for before the checks were done."""
        self._started_name = ""
        """The name of the run that was started last from this form."""

    def compose(self) -> ComposeResult:
        self._arrange(self.app.size)  # before there are children, so that styles are worked out once
        yield TitleBar("cifar-tui", "new run", __version__)
        with Container(id="body"):
            yield self._form
            yield self._panel
        yield self._bar
        yield Keys()

    def on_screen_resume(self, event: events.ScreenResume) -> None:
        """Check again when coming back: the name may be taken by now, or the data downloaded."""
        event.refresh_styles = False  # at first they have only just been worked out, and later none has changed
        try:
            config = self._form.config()
        except ConstantError:
            config = None
        self._use(config)

    def on_screen_suspend(self) -> None:
        """Measure nothing under another screen: a run may train there."""
        self._timing.cancel()

    def on_unmount(self) -> None:
        self._timing.cancel()

    def on_resize(self, event: events.Resize) -> None:
        self._arrange(event.size)

    def _arrange(self, size: Size) -> None:
        width, height = size
        beside, low = width >= 160 and height >= 30, height < 34
        self.set_class(beside, "-beside")
        self.set_class(low, "-low")
        self._form.columns = 1 if width < 76 else 2
        self._form.low = low
        self._panel.folded = low and not beside
        self._panel.in_pairs = width >= 76 and not beside
        self._panel.brief = height < 40 and not beside
        self._panel.airy = beside or height >= 48

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
        self._timing.cancel()
        if config is None:
            self._panel.show_checks(None, waiting="waits for the constants")
        else:
            self._panel.show_checks(None)
        self._checks.check(config)
        self._panel.show_command(config)
        self._bar.show_preset(preset_of(config) if config else None)
        self._show_status()

    def _checked(self, config: TrainingConfig, preflight: Preflight) -> None:
        if config is not self._config:
            return
        if "name" in preflight.problems and config.name == self._started_name:
            self.fill({"name": ""})  # the run that was started here has this name; the next one gets a new name
            return
        self._preflight = preflight
        self._panel.show_checks(preflight)
        self._form.show_problems({**self._refused, **preflight.problems})
        wish, self._wish = self._wish, None
        self._show_status()
        if wish is not None and preflight.ready and self.app.screen is self:
            self._post(wish, config)
        elif self.app.screen is self:
            self._timing.begin(config, preflight.found if preflight.ready else None)

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
        self._bar.show_status(text, wrong=is_wrong)
        self.refresh_bindings()

    # Presets, help and keys

    @on(StartBar.PresetChosen)
    def _use_preset(self, event: StartBar.PresetChosen) -> None:
        self._form.set_values(event.preset.constants_for(self._form.values["data"]))

    def on_descendant_focus(self, event: events.DescendantFocus) -> None:
        """Show the help of what has the focus outside the form."""
        if self._bar in event.widget.ancestors:
            self._form.show_help(self._bar.help)
        elif event.widget is self._panel:
            self._form.show_help(Content())

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """None shows a key as not working now."""
        if action == "copy_command":
            return self._config is not None or None
        return super().check_action(action, parameters)

    def action_start(self) -> None:
        self._start(StartRun)

    def action_start_in_background(self) -> None:
        self._start(StartInBackground)

    def action_find_rate(self) -> None:
        self._start(FindRate)

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
            self._post(start, self._config)

    def _post(self, start: type[StartRun], config: TrainingConfig) -> None:
        self._timing.cancel()
        if start is not FindRate:
            self._started_name = config.name
        self.post_message(start(config))

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
