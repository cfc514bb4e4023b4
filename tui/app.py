"""The app: which screen stands when, what the keys that work everywhere do, and what becomes of a run on leaving.

Only what the form needs is imported on top, so that it is painted at once; the rest comes while it is being read.
"""

from __future__ import annotations

import gc
import signal
import sys
import tempfile
import threading
import traceback
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.config import TrainingConfig
from engine.control import Leave, Stop
from engine.errors import ConstantError, EngineError
from engine.preflight import Preflight, preflight
from engine.process import python_running
from engine.text import clean
from tui.command_line.exit_codes import ExitCode
from tui.dialogs.choice import coming_back, images_missing, leaving, unfinished
from tui.dialogs.export_to import ExportTo
from tui.dialogs.help import HelpScreen
from tui.look.theme import DARK, LIGHT
from tui.screens.messages import Export, StartInBackground, StartRun
from tui.screens.setup import SetupScreen
from tui.terminal.deadline import Deadline
from tui.terminal.driver import SteadyDriver
from tui.terminal.steady_app import SteadyApp

if TYPE_CHECKING:
    from engine.record.record import RunRecord
    from engine.runs.local import Run
    from engine.runs.watched import WatchedRun
    from engine.storage.listing import RunEntry
    from tui.screens.training import TrainingScreen


PAINTED_AFTER = 1.0
"""Seconds after which the form is painted, and the app does what could wait for that."""


def _look_and_make_ready(look: Callable[[TrainingConfig], Preflight], config: TrainingConfig) -> Preflight:
    """`look`, and then the import of what comes after the form. Called off the event loop."""
    try:
        return look(config)
    finally:
        import tui.screens.training  # noqa: F401


def _collect_garbage_again() -> None:
    if not gc.isenabled():  # see `full_screen.start`
        gc.freeze()
        gc.enable()


class CifarApp(SteadyApp):
    """The form, then the training, then the results, and from there the form again."""

    TITLE = "cifar-tui"
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
        """`values` fill the form, by constant name; `look` is the pre-flight. With `watch`, the folder of a run, the
        app begins with that run."""
        super().__init__(driver_class=SteadyDriver)
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self._values = dict(values)
        self._look = partial(_look_and_make_ready, look)
        self._watch = watch
        self._deadline = Deadline(full_screen=True)
        self.training: Run | None = None
        """The run that was started last; it may outlive the app."""
        self.watched: WatchedRun | None = None
        """The run of another process that was shown last."""
        self.received: list[int] = []
        """The signals that came."""
        self.is_cut_off = False
        """Whether the terminal has gone."""

    def on_mount(self) -> None:
        if self._watch is None:
            # Later: until the app runs, Textual shows nothing, and throws away what a screen painted.
            self.call_later(self.push_screen, self.first_screen())
            self.set_timer(PAINTED_AFTER, self._look_for_runs)
        else:
            self.show_run(self._watch)
        self.set_timer(PAINTED_AFTER, _collect_garbage_again)

    def first_screen(self) -> Screen[Any]:
        """Where the app begins: the form."""
        return SetupScreen(self._values, self._look)

    # Coming back

    def _look_for_runs(self) -> None:
        # In a thread of its own: the folder of runs may be large, or on a slow disk.
        threading.Thread(target=self._find_runs, args=(self._runs_dir(),), name="runs", daemon=True).start()

    def _find_runs(self, runs_dir: Path) -> None:
        from engine.storage import listing

        entry = listing.waiting(runs_dir)
        if entry is not None:
            with suppress(RuntimeError):  # the app has ended meanwhile
                self.call_from_thread(self._offer, entry)

    def _offer(self, entry: RunEntry) -> None:
        from engine.storage.listing import LIVE

        def chosen(answer: str | None) -> None:
            if answer == "resume":
                self.resume_run(entry.path)
            elif answer in ("watch", "show"):
                self.show_run(entry.path)

        if isinstance(self.screen, SetupScreen) and self.training is None:  # nothing was started meanwhile
            self.push_screen(coming_back(entry.name, live=entry.status in LIVE), chosen)

    def show_run(self, folder: Path) -> None:
        """Show a run that is on disk: live as it goes on, or its results."""
        from engine.runs.watched import WatchedRun

        try:
            watched = WatchedRun(folder)
        except EngineError as error:
            self._tell(error)
            return
        if watched.ended:
            watched.close()
            self._show_results(watched.record(), folder)
        else:
            self._watch_live(watched)

    def _watch_live(self, watched: WatchedRun) -> None:
        from tui.screens.training import TrainingScreen

        if self.watched is not None:
            self.watched.close()
        self.watched = watched.start()
        self.push_screen(TrainingScreen(watched))

    def resume_run(self, folder: Path) -> None:
        """Go on with an interrupted run, and show it."""
        from engine.runs.local import Run

        self._start(lambda: Run.resume(folder))

    def on_start_in_background(self, message: StartInBackground) -> None:
        """Start a run of the config in `message` as a process of its own, and watch it."""
        from engine.runs import background

        try:
            self._watch_live(background.start(message.config, [*python_running("tui"), "train"]))
        except ConstantError as error:
            self._show_problems(error.problems)
        except EngineError as error:
            self._tell(error)

    def _tell(self, error: EngineError) -> None:
        self.notify(error.message, severity="error", markup=False, timeout=10)

    # From the form to the results

    def on_start_run(self, message: StartRun) -> None:
        self.start_run(message.config)

    def start_run(self, config: TrainingConfig) -> None:
        """Start a run of `config` and show it."""
        from engine.runs.local import Run

        self._start(lambda: Run(config))

    def _start(self, make: Callable[[], Run]) -> None:
        from tui.screens.training import TrainingScreen

        if self._is_training():
            self.notify("A run is still training here.", severity="warning")
            return
        try:
            self.training = make().start()
        except ConstantError as error:
            self._show_problems(error.problems)
        except EngineError as error:
            self._tell(error)
        else:
            self.push_screen(TrainingScreen(self.training))

    def _is_training(self) -> bool:
        return self.training is not None and not self.training.join(0)

    def on_training_screen_ended(self, ended: TrainingScreen.Ended) -> None:
        from engine.record.events import Failed

        if ended.record.started is not None:
            self._show_results(ended.record, ended.folder)
            return
        run, self.training = self.training, None
        self._back_to_form()  # a dialog may stand over the training screen: it has nothing to ask any more
        if run is None or ended.folder != run.folder:
            self.training = run
            why = self.watched.error if self.watched is not None else None
            self._tell(why or EngineError("The run ended before its training began."))
            return
        if isinstance(run.error, ConstantError):
            self._show_problems(run.error.problems)
        elif run.is_resumed and run.error is not None:
            self._tell(run.error)
        elif isinstance(ended.record.closing, Failed):
            self.push_screen(images_missing(ended.record.closing.reason), partial(self._without_images, run.config))
        else:
            self.notify("Stopped before training began. Nothing was written.")

    def _show_problems(self, problems: Mapping[str, str]) -> None:
        if isinstance(self.screen, SetupScreen):
            self.screen.show_problems(problems)

    def _without_images(self, config: TrainingConfig, answer: str | None) -> None:
        if answer == "again":
            self.start_run(config)
        elif isinstance(self.screen, SetupScreen) and answer in ("demo", "folder"):
            self.screen.choose("data", "demo" if answer == "demo" else None)

    def _show_results(self, record: RunRecord, folder: Path) -> None:
        from tui.screens.results import ResultsScreen
        from tui.screens.training import TrainingScreen

        results = ResultsScreen(record, folder)
        if isinstance(self.screen, TrainingScreen):
            self.switch_screen(results)
        else:
            self.push_screen(results)

    # Keys

    def on_back(self) -> None:
        """Show the screen below; the form, if the app began with this one."""
        if len(self.screen_stack) > 2:
            self.pop_screen()
        else:
            self._back_to_form()

    def on_new_run(self) -> None:
        self._back_to_form()

    def _back_to_form(self) -> None:
        while len(self.screen_stack) > 2 and not isinstance(self.screen, SetupScreen):
            self.pop_screen()
        if not isinstance(self.screen, SetupScreen):  # the app began with a run
            self.switch_screen(self.first_screen())

    def action_runs(self) -> None:
        """Choose among the runs on disk."""
        from engine.storage import listing, tail
        from tui.screens.runs import RunsScreen

        runs_dir = self._runs_dir()

        def opened(folder: Path | None) -> None:
            if folder is None:
                return
            try:
                status = tail.read(folder, losses=False).status
            except EngineError as error:
                self._tell(error)
                return
            if status in listing.UNFINISHED:
                self.push_screen(unfinished(folder.name, status), partial(self._resume_or_show, folder))
            else:
                self.show_run(folder)

        self.push_screen(RunsScreen(runs_dir, lambda: listing.list_runs(runs_dir)), opened)

    def _resume_or_show(self, folder: Path, answer: str | None) -> None:
        if answer == "resume":
            self.resume_run(folder)
        elif answer == "show":
            self.show_run(folder)

    def _runs_dir(self) -> Path:
        if isinstance(self.screen, SetupScreen):
            self._values = dict(self.screen.values)
        return Path(str(self._values.get("runs_dir", TrainingConfig().runs_dir)))

    def on_export(self, message: Export) -> None:
        """Ask where to, and write the files of a run."""
        from engine.export import FILES
        from engine.export.bundle import write_bundle

        def exported(folder: Path | None) -> None:
            if folder is not None:
                self.notify(f"{', '.join(FILES)} are in {clean(folder.absolute())}", title="Exported", markup=False)

        proposal = Path.cwd() / f"{message.folder.name}-export"
        self.push_screen(ExportTo(proposal, FILES, partial(write_bundle, message.record)), exported)

    def action_leave(self) -> None:
        """Leave; where a run still trains, ask what becomes of it."""
        if not self._is_training():
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

    # Signals, and a terminal that goes

    def heard(self, number: int) -> None:
        """A signal came. Called between any two steps of the main thread, so only what is asked for is noted here."""
        self.received.append(number)
        training = self.training if self._is_training() else None
        if number == signal.SIGTERM:
            self._deadline.set(ExitCode.TERMINATED, training_began=training is not None and training.log.training_began)
            if training is not None:
                training.ask(Leave())
        elif number == signal.SIGINT and training is not None:
            training.ask(Stop())
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self.terminal_gone if number == signal.SIGHUP else self.exit)

    def terminal_gone(self) -> None:
        """Nobody sees the screen any more: the run goes on without it."""
        self.is_cut_off = True
        self.exit()

    def terminal_caught_up(self) -> None:
        """The terminal reads again after frames were left out."""
        self.refresh(layout=True)

    def action_help(self) -> None:
        """What the screen shows, and its keys."""
        keys: dict[str, list[str]] = {}
        for binding in self._shown_bindings():
            keys.setdefault(binding.tooltip or binding.description, []).append(self.get_key_display(binding))
        self.push_screen(
            HelpScreen(getattr(self.screen, "HELP", ""), [(" ".join(names), does) for does, names in keys.items()])
        )

    def _fatal_error(self) -> None:
        # Textual would print the traceback with all local variables. A person gets one line, a bug report the file.
        error = sys.exc_info()[1]
        with tempfile.NamedTemporaryFile("w", prefix="cifar-tui-", suffix=".log", delete=False) as log:
            log.write(traceback.format_exc())
        goes_on = " The run goes on without it." if self._is_training() else ""
        self.panic(Text(f"The screen broke off: {clean(repr(error))[:200]}.{goes_on} Details for a report: {log.name}"))

    def action_switch_theme(self) -> None:
        self.theme = LIGHT.name if self.theme == DARK.name else DARK.name

    def _shown_bindings(self) -> list[Binding]:
        active = self.screen.active_bindings.values()
        everywhere = ("switch_theme", "command_palette")
        return [a.binding for a in active if a.enabled and (a.binding.show or a.binding.action.endswith(everywhere))]

    def get_system_commands(self, screen: Screen[Any]) -> Iterable[SystemCommand]:
        """Every key's action by name, then what Textual offers everywhere."""
        for node, binding, enabled, tooltip in screen.active_bindings.values():
            if enabled and binding.description and not binding.system and binding.action != "command_palette":
                run = partial(self.run_action, binding.action, default_namespace=node)
                yield SystemCommand(binding.description, tooltip or binding.tooltip or binding.description, run)
        offered = {"Theme", "Screenshot"}
        yield from (command for command in super().get_system_commands(screen) if command.title in offered)
