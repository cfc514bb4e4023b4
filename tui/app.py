"""The app: the stack of screens, the runs that they show, and the keys that work everywhere.

Screens do not know each other. They post messages, and the app acts on them. At the top this module imports only what
the form needs, so that the form is painted at once.
"""

from __future__ import annotations

import asyncio
import gc
import os
import signal
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.command import Provider
from textual.screen import Screen

from engine.config import TrainingConfig
from engine.control import Stop
from engine.preflight import Preflight, preflight
from tui import work
from tui.dialogs.choice import coming_back, leaving
from tui.dialogs.colours import Colours
from tui.dialogs.help import HelpScreen
from tui.look.colours import Depth, depth_of, detected
from tui.look.theme import DARK, LIGHT
from tui.screens.messages import NewRun, ResumeRun
from tui.screens.setup import SetupScreen
from tui.showing import ShowingApp
from tui.terminal import clipboard
from tui.terminal.ending import DEFAULT, Ending

if TYPE_CHECKING:
    from engine.estimate import Estimator
    from engine.storage.entry import RunEntry
    from tui.screens.runs import RunsScreen
    from tui.screens.shown_runs import ShownRuns


PAINTED_AFTER = 1.0
"""Seconds after which the form is painted. What can wait is done then."""


def _look_and_import(look: Callable[[TrainingConfig], Preflight], config: TrainingConfig) -> Preflight:
    """Call `look`, then import the screen that comes after the form. Called off the event loop."""
    try:
        return look(config)
    finally:
        import tui.screens.training  # noqa: F401


def _estimator() -> Estimator:
    from engine.estimate import Estimator

    return Estimator()


def _collect_garbage_again() -> None:
    if not gc.isenabled():  # see `full_screen.start`
        gc.freeze()
        gc.enable()


def _actions() -> type[Provider]:
    from tui.dialogs.palette import Actions

    return Actions


class CifarApp(ShowingApp):
    """The form is at the bottom of the stack of screens, unless the app began with a run."""

    TITLE = "cifar-tui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_actions}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "Leave", show=False, priority=True),
        Binding("ctrl+t", "switch_theme", "Dark or light", show=False, tooltip="Dark or light colours"),
        Binding("f2", "colours", "Colours", show=False, tooltip="How many colours this terminal has"),
    ]

    def __init__(
        self,
        values: Mapping[str, object],
        *,
        look: Callable[[TrainingConfig], Preflight] = preflight,
        watch: Path | None = None,
        colours: Depth | None = None,
        ending: Ending = DEFAULT,
    ) -> None:
        """`values` fill the form, by constant name. `look` makes the checks before a start. With `watch`, the folder of
        a run, the app begins with that run. `colours` is how many the terminal has; by default its environment tells.
        `ending` says how a person is told of the end of a run.
        """
        super().__init__(ending)
        self.use_colours(colours or detected(os.environ))
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self._values = dict(values)
        self._look = partial(_look_and_import, look)
        self._watch = watch
        self._runs: RunsScreen | None = None
        self._shown_runs: ShownRuns | None = None
        """What a person chose in the list of runs."""
        self.is_cut_off = False
        """Whether the terminal is gone."""
        self._event_loop: asyncio.AbstractEventLoop | None = None

    def on_mount(self) -> None:
        self._event_loop = asyncio.get_running_loop()
        if self._watch is None:
            # Later: until the app runs, Textual shows nothing, and throws away what a screen painted.
            self.call_later(self.push_screen, self.first_screen())
            self.set_timer(PAINTED_AFTER, self._look_for_runs)
        else:
            self.open_run(self._watch)
        self.set_timer(PAINTED_AFTER, _collect_garbage_again)

    def first_screen(self) -> Screen[Any]:
        """The screen that the app begins with: the form."""
        tmux = clipboard.copy_with_tmux if clipboard.inside_tmux() else None
        self.form = SetupScreen(self._values, self._look, estimates=_estimator, tmux=tmux)
        return self.form

    # The stack of screens

    def on_back(self) -> None:
        """Show the screen below; the form, if the app began with this one."""
        if self.screen is self.training_screen:
            self.close_view()
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self.to_form()

    def on_new_run(self, message: NewRun) -> None:
        """Show the form with the constants of a run. Its name is taken, so the next run gets a new one."""
        self.to_form(message.constants)

    def to_form(self, constants: Mapping[str, object] | None = None) -> SetupScreen:
        self.close_view()
        while len(self.screen_stack) > (1 if self.form is None else 2):
            self.pop_screen()
        if self.form is None:  # the app began with a run
            self._values.update(constants or {})
            self.push_screen(self.first_screen())
        elif constants is not None:
            self.form.fill(constants)
        assert self.form is not None
        return self.form

    def on_resume_run(self, message: ResumeRun) -> None:
        self.resume(message.folder)

    def action_runs(self) -> None:
        self.call_later(self._show_runs)

    def _show_runs(self) -> None:
        from engine.storage.listing import Listing
        from tui.screens.runs import LOOK_SECONDS, RunsScreen
        from tui.screens.shown_runs import ShownRuns

        if self._runs in self.screen_stack:
            while self.screen is not self._runs:
                self.pop_screen()
        else:
            runs_dir = self._runs_dir()
            if self._shown_runs is None:
                self._shown_runs = ShownRuns()
            self._runs = RunsScreen(runs_dir, partial(Listing(runs_dir).look, LOOK_SECONDS), self._shown_runs)
            self.push_screen(self._runs)

    def _runs_dir(self) -> Path:
        values = self.form.values if self.form is not None else self._values
        return Path(str(values.get("runs_dir", TrainingConfig().runs_dir)))

    # Runs on disk

    def _look_for_runs(self) -> None:
        def look(runs_dir: Path) -> RunEntry | None:
            import tui.screens.runs  # noqa: F401 - so that the list is quick to come
            from engine.storage.listing import waiting

            return waiting(runs_dir)

        work.run(self, partial(look, self._runs_dir()), self._offer)

    def _offer(self, entry: RunEntry | None) -> None:
        from engine.storage.listing import decline

        def chosen(answer: str | None) -> None:
            assert entry is not None
            if answer == "resume":
                self.resume(entry.path)
            elif answer in ("watch", "show"):
                self.open_run(entry.path)
            elif answer == "never":
                work.run(self, partial(decline, entry.path), lambda _: None)

        if entry is not None and self.screen is self.form and not self.is_starting:
            self.push_screen(coming_back(entry.name, live=entry.live), chosen)

    # Leaving

    def action_leave(self) -> None:
        """Leave. If a run is training here, ask what should happen to it."""
        if self.running() is None:
            self.exit()
        elif not self.screen.is_modal:
            self.push_screen(leaving(), self._left)

    def _left(self, answer: str | None) -> None:
        assert self.training is not None
        if answer == "stop":
            self.training.ask(Stop())
        elif answer != "go_on":
            return
        self.exit()

    def on_signal(self, number: int) -> None:
        """Leave on a signal. Called between any two instructions of the main thread."""
        if self._event_loop is not None and not self._event_loop.is_closed():
            leave = self.on_terminal_gone if number == signal.SIGHUP else self.exit
            self._event_loop.call_soon_threadsafe(leave)

    def on_terminal_gone(self) -> None:
        """Nobody sees the screen any more. The run goes on without it."""
        self.is_cut_off = True
        self.exit()

    def on_terminal_caught_up(self) -> None:
        """Draw the whole screen: frames were left out."""
        self.refresh(layout=True)

    def crash_note(self) -> str:
        return " The run goes on without it." if self.running() else ""

    # Keys that work everywhere

    def action_help(self) -> None:
        """Explain the screen and its keys."""
        keys: dict[str, list[str]] = {}
        for binding in self._bindings_to_tell(self.screen):
            names = keys.setdefault(binding.tooltip or binding.description, [])
            if (name := self.get_key_display(binding)) not in names:  # + and = are both shown as +
                names.append(name)
        self.push_screen(HelpScreen(self.screen.HELP or "", [(" ".join(names), does) for does, names in keys.items()]))

    def action_colours(self) -> None:
        """Ask how many colours the terminal has, and show each answer at once."""
        if not self.screen.is_modal:
            before = depth_of(self)
            self.push_screen(Colours(before, self.use_colours), lambda answer: self.use_colours(answer or before))

    def action_switch_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def _bindings_to_tell(self, screen: Screen[Any]) -> list[Binding]:
        active = screen.active_bindings.values()
        everywhere = ("switch_theme", "colours", "command_palette")
        return [a.binding for a in active if a.enabled and (a.binding.show or a.binding.action.endswith(everywhere))]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """The actions of the keys that F1 tells, then those of Textual that help here. Not the keys of a text field."""
        told = {binding.action: binding for binding in self._bindings_to_tell(screen)}  # + and = do the same
        for node, binding, _, tooltip in screen.active_bindings.values():
            if told.get(binding.action) == binding and not binding.action.endswith("command_palette"):
                run = partial(self.run_action, binding.action, default_namespace=node)
                yield SystemCommand(binding.description, tooltip or binding.tooltip or binding.description, run)
        offered = {"Theme", "Screenshot"}
        yield from (command for command in super().get_system_commands(screen) if command.title in offered)
