"""The app: the stack of screens, the runs that they show, and the keys that work everywhere.

Screens do not know each other. They post messages, and the app acts on them. At the top this module imports only what
the form needs, so that the form is painted at once.
"""

from __future__ import annotations

import asyncio
import gc
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
from engine.errors import ConstantError, EngineError
from engine.preflight import Preflight, preflight
from engine.process import python_running
from engine.text import clean
from tui import work
from tui.dialogs.choice import coming_back, images_missing, leaving, unfinished
from tui.dialogs.export_to import ExportTo
from tui.dialogs.help import HelpScreen
from tui.look.theme import DARK, LIGHT
from tui.screens.messages import Export, NewRun, OpenRun, StartInBackground, StartRun
from tui.screens.setup import SetupScreen
from tui.terminal import clipboard
from tui.terminal.driver import SteadyDriver
from tui.terminal.steady_app import SteadyApp

if TYPE_CHECKING:
    from engine.record.record import RunRecord
    from engine.runs.contract import RunView
    from engine.runs.local import Run
    from engine.runs.watched import WatchedRun
    from engine.storage.listing import RunEntry
    from tui.screens.runs import RunsScreen
    from tui.screens.training import TrainingScreen


PAINTED_AFTER = 1.0
"""Seconds after which the form is painted. What can wait is done then."""


def _look_and_import(look: Callable[[TrainingConfig], Preflight], config: TrainingConfig) -> Preflight:
    """Call `look`, then import the screen that comes after the form. Called off the event loop."""
    try:
        return look(config)
    finally:
        import tui.screens.training  # noqa: F401


def _collect_garbage_again() -> None:
    if not gc.isenabled():  # see `full_screen.start`
        gc.freeze()
        gc.enable()


def _actions() -> type[Provider]:
    from tui.dialogs.palette import Actions

    return Actions


class CifarApp(SteadyApp):
    """The form is at the bottom of the stack of screens, unless the app began with a run."""

    TITLE = "cifar-tui"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {_actions}
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "Leave", show=False, priority=True),
        Binding("ctrl+t", "switch_theme", "Dark or light", show=False, tooltip="Dark or light colours"),
    ]

    def __init__(
        self,
        values: Mapping[str, object],
        *,
        look: Callable[[TrainingConfig], Preflight] = preflight,
        watch: Path | None = None,
    ) -> None:
        """`values` fill the form, by constant name. `look` makes the checks before a start. With `watch`, the folder of
        a run, the app begins with that run."""
        super().__init__(driver_class=SteadyDriver)
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self._values = dict(values)
        self._look = partial(_look_and_import, look)
        self._watch = watch
        self._form: SetupScreen | None = None
        self._runs: RunsScreen | None = None
        self._training_screen: TrainingScreen | None = None
        self._is_starting = False
        self.training: Run | None = None
        """The run of this process that was started last. It may outlive the app."""
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
            self._open(self._watch)
        self.set_timer(PAINTED_AFTER, _collect_garbage_again)

    def first_screen(self) -> Screen[Any]:
        """The screen that the app begins with: the form."""
        tmux = clipboard.copy_with_tmux if clipboard.inside_tmux() else None
        self._form = SetupScreen(self._values, self._look, tmux=tmux)
        return self._form

    # The stack of screens

    def on_back(self) -> None:
        """Show the screen below; the form, if the app began with this one."""
        if self.screen is self._training_screen:
            self._close_view()
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self._to_form()

    def on_new_run(self, message: NewRun) -> None:
        """Show the form with the constants of a run. Its name is taken, so the next run gets a new one."""
        self._to_form(message.constants)

    def _to_form(self, constants: Mapping[str, object] | None = None) -> SetupScreen:
        self._close_view()
        while len(self.screen_stack) > (1 if self._form is None else 2):
            self.pop_screen()
        if self._form is None:  # the app began with a run
            self._values.update(constants or {})
            self.push_screen(self.first_screen())
        elif constants is not None:
            self._form.fill(constants)
        assert self._form is not None
        return self._form

    def action_runs(self) -> None:
        self.call_later(self._show_runs)

    def _show_runs(self) -> None:
        from engine.storage.listing import list_runs
        from tui.screens.runs import RunsScreen

        if self._runs in self.screen_stack:
            while self.screen is not self._runs:
                self.pop_screen()
        else:
            runs_dir = self._runs_dir()
            self._runs = RunsScreen(runs_dir, partial(list_runs, runs_dir))
            self.push_screen(self._runs)

    def _runs_dir(self) -> Path:
        values = self._form.values if self._form is not None else self._values
        return Path(str(values.get("runs_dir", TrainingConfig().runs_dir)))

    # Runs on disk

    def _look_for_runs(self) -> None:
        from engine.storage.listing import waiting

        work.run(self, partial(waiting, self._runs_dir()), self._offer)

    def _offer(self, entry: RunEntry | None) -> None:
        from engine.storage.listing import LIVE, decline

        def chosen(answer: str | None) -> None:
            assert entry is not None
            if answer == "resume":
                self._resume(entry.path)
            elif answer in ("watch", "show"):
                self._open(entry.path)
            elif answer == "never":
                work.run(self, partial(decline, entry.path), lambda _: None)

        if entry is not None and self.screen is self._form and not self._is_starting:
            self.push_screen(coming_back(entry.name, live=entry.status in LIVE), chosen)

    def on_open_run(self, message: OpenRun) -> None:
        """Show a run of the list. If it did not complete, ask whether to resume it."""
        self._open(message.folder, offer_resume=True)

    def _open(self, folder: Path, *, offer_resume: bool = False) -> None:
        from engine.storage.listing import UNFINISHED

        here = self.screen
        if (
            self.training is not None
            and not self.training.ended
            and folder.absolute() == self.training.folder.absolute()
        ):
            self._show_training(self.training)
            return

        def read() -> tuple[WatchedRun, RunRecord]:
            from engine.runs.watched import WatchedRun

            watched = WatchedRun(folder)
            return watched, watched.record()

        def show(found: tuple[WatchedRun, RunRecord]) -> None:
            watched, record = found
            if self.screen is not here:  # the user went elsewhere meanwhile
                watched.close()
            elif not record.ended:
                self._show_training(watched.start())
            elif offer_resume and record.status in UNFINISHED:
                self.push_screen(unfinished(folder.name, record.status), partial(chosen, record))
            else:
                self._show_results(record, folder)

        def chosen(record: RunRecord, answer: str | None) -> None:
            if answer == "resume":
                self._resume(folder)
            elif answer == "show":
                self._show_results(record, folder)

        def failed(error: EngineError) -> None:
            if self.screen is here and folder is self._watch:
                self._to_form()
            self._tell(error)

        work.run(self, read, show, failed)

    def _show_results(self, record: RunRecord, folder: Path) -> None:
        from tui.screens.results import ResultsScreen

        self.push_screen(ResultsScreen(record, folder))

    def on_export(self, message: Export) -> None:
        """Ask where to, and write the files of a run."""
        from engine.export import FILES
        from engine.export.bundle import write_bundle

        def exported(folder: Path | None) -> None:
            if folder is not None:
                self.notify(f"{', '.join(FILES)} are in {clean(folder.absolute())}", title="Exported", markup=False)

        def write(folder: Path) -> None:
            write_bundle(message.record.copy(), folder)  # in a thread of its own, so it needs a record of its own

        proposal = Path.cwd() / f"{message.folder.name}-export"
        self.push_screen(ExportTo(proposal, FILES, write), exported)

    # Runs that train

    def on_start_run(self, message: StartRun) -> None:
        """Start a run in this process, and show it."""

        def make() -> Run:
            from engine.runs.local import Run

            return Run(message.config)

        self._start(make)

    def _resume(self, folder: Path) -> None:
        def make() -> Run:
            from engine.runs.local import Run

            return Run.resume(folder)

        self._start(make)

    def _start(self, make: Callable[[], Run]) -> None:
        def made(run: Run) -> None:
            self._is_starting = False
            self.training = run.start()
            self._show_training(run)
            work.run(self, run.join, lambda _: self._tell_end(run))

        if self._is_starting or self.running():
            self.notify("A run is still training here.", severity="warning")
        else:
            self._is_starting = True
            work.run(self, make, made, self._not_started)

    def on_start_in_background(self, message: StartInBackground) -> None:
        """Start a run as a process of its own, and watch it."""

        def make() -> WatchedRun:
            from engine.runs import background

            return background.start(message.config, [*python_running("tui"), "train"])

        work.run(self, make, lambda watched: self._show_training(watched.start()), self._not_started)

    def _not_started(self, error: EngineError) -> None:
        self._is_starting = False
        if isinstance(error, ConstantError) and self._form is not None and self.screen is self._form:
            self._form.show_problems(error.problems)
        else:
            self._tell(error)

    def _show_training(self, run: RunView) -> None:
        from tui.screens.training import TrainingScreen

        self._close_view()
        self._training_screen = TrainingScreen(run)
        self.push_screen(self._training_screen)

    def _close_view(self) -> None:
        """Let go of the run that is shown. If it is paused it goes on, since nobody is left to end the pause."""
        if self._training_screen is not None:
            work.run(self, self._training_screen.run.close, lambda _: None)
            self._training_screen = None

    @property
    def view(self) -> RunView | None:
        """The run that the training screen shows, in this process or in another."""
        return self._training_screen.run if self._training_screen is not None else None

    def on_training_screen_ended(self, ended: TrainingScreen.Ended) -> None:
        """Show the results of a run, or why it never began. The message comes again until the screen is closed."""
        screen, record = ended.screen, ended.screen.record
        if screen not in self.screen_stack:
            return
        if record.started is None:
            self._to_form()  # closes a dialog over the training screen too: its question is out of date
            self._tell_why(screen.run, record)
        elif self.screen is screen:
            from tui.screens.results import ResultsScreen

            self._close_view()
            self.switch_screen(ResultsScreen(record, screen.run.folder))

    def _tell_why(self, run: RunView, record: RunRecord) -> None:
        """Tell why `run` ended before its training began. The form is shown."""
        from engine.record.events import Failed

        assert self._form is not None
        new = self.training if run is self.training else None
        if new is not None:
            self.training = None  # there is nothing to go on with after the app
        if new is None or (new.is_resumed and new.error is not None):
            self._tell(run.error or EngineError("The run ended before its training began."))
        elif isinstance(new.error, ConstantError):
            self._form.show_problems(new.error.problems)
        elif isinstance(record.closing, Failed):
            self.push_screen(images_missing(record.closing.reason), partial(self._without_images, new.config))
        else:
            self.notify("Stopped before training began. Nothing was written.")

    def _without_images(self, config: TrainingConfig, answer: str | None) -> None:
        if answer == "again":
            self.post_message(StartRun(config))
        elif self._form is not None and answer in ("demo", "folder"):
            self._form.choose("data", "demo" if answer == "demo" else None)

    def _tell_end(self, run: Run) -> None:
        """Tell that `run` ended, if no screen shows it."""
        if self.view is None and run is self.training:
            record = run.record()
            if record.started is None:
                self.training = None
            if run.error is not None:
                self._tell(run.error)
            else:
                self.notify(f"The run {clean(run.folder.name)} is {record.status}.", markup=False)

    def running(self) -> Run | None:
        """The run that is training in this process."""
        return self.training if self.training is not None and not self.training.ended else None

    def _tell(self, error: EngineError) -> None:
        self.notify(error.message, severity="error", markup=False, timeout=10)

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

    def action_switch_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def _bindings_to_tell(self, screen: Screen[Any]) -> list[Binding]:
        active = screen.active_bindings.values()
        everywhere = ("switch_theme", "command_palette")
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
