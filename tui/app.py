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
from engine.errors import EngineError
from engine.preflight import Preflight, preflight
from engine.text import clean
from tui import work
from tui.dialogs.choice import coming_back, leaving, unfinished
from tui.dialogs.colours import Colours
from tui.dialogs.export_to import Exportable, ExportTo
from tui.dialogs.help import HelpScreen
from tui.look.colours import Depth, depth_of, detected
from tui.look.theme import DARK, LIGHT
from tui.running import RunningApp
from tui.screens.messages import Export, NewRun, OpenRun, ShowImages, ShowOwnPictures
from tui.screens.setup import SetupScreen
from tui.terminal import clipboard

if TYPE_CHECKING:
    from engine.estimate import Estimator
    from engine.record.record import RunRecord
    from engine.runs.watched import WatchedRun
    from engine.storage.listing import RunEntry
    from tui.screens.runs import RunsScreen


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


class CifarApp(RunningApp):
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
    ) -> None:
        """`values` fill the form, by constant name. `look` makes the checks before a start. With `watch`, the folder of
        a run, the app begins with that run. `colours` is how many the terminal has; by default its environment tells.
        """
        super().__init__()
        self.use_colours(colours or detected(os.environ))
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self._values = dict(values)
        self._look = partial(_look_and_import, look)
        self._watch = watch
        self._runs: RunsScreen | None = None
        self._recent_pictures: list[str] = []
        """Paths that were typed to have pictures classified, the newest first."""
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
        values = self.form.values if self.form is not None else self._values
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
                self.resume(entry.path)
            elif answer in ("watch", "show"):
                self._open(entry.path)
            elif answer == "never":
                work.run(self, partial(decline, entry.path), lambda _: None)

        if entry is not None and self.screen is self.form and not self.is_starting:
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
            self.show_training(self.training)
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
                self.show_training(watched.start())
            elif offer_resume and record.status in UNFINISHED:
                self.push_screen(unfinished(folder.name, record.status), partial(chosen, record))
            else:
                self._show_results(record, folder)

        def chosen(record: RunRecord, answer: str | None) -> None:
            if answer == "resume":
                self.resume(folder)
            elif answer == "show":
                self._show_results(record, folder)

        def failed(error: EngineError) -> None:
            if self.screen is here and folder is self._watch:
                self.to_form()
            self.tell(error)

        work.run(self, read, show, failed)

    def _show_results(self, record: RunRecord, folder: Path) -> None:
        from tui.screens.results import ResultsScreen

        self.push_screen(ResultsScreen(record, folder))

    def on_show_images(self, message: ShowImages) -> None:
        """Show the images of an evaluation as pictures."""
        from tui.screens.gallery import GalleryScreen

        self.push_screen(
            GalleryScreen(
                message.record,
                message.folder,
                message.index,
                true=message.true,
                predicted=message.predicted,
                order=message.order,
            )
        )

    def on_show_own_pictures(self, message: ShowOwnPictures) -> None:
        """Let the network of a run classify pictures that a person names."""
        from tui.screens.own_pictures import OwnPicturesScreen

        self.push_screen(OwnPicturesScreen(message.record, message.folder, self._recent_pictures))

    def on_export(self, message: Export) -> None:
        """Ask where to, and write the files of a run."""
        from engine.export import FILES, WITH_PREDICTIONS
        from engine.export.bundle import write_bundle
        from engine.use.exported import FILES as MODEL_FILES
        from tui.look.wording import CHECKING

        written: list[Path] = []
        remarks: list[str] = []

        def exported(folder: Path | None) -> None:
            if folder is not None:
                names = ", ".join(path.name for path in written)
                told = [f"{names} are in {clean(folder.absolute())}", *remarks]
                self.notify("\n".join(told), title="Exported", markup=False, timeout=10 if remarks else None)

        # Both write in a thread of their own, so they need a record of their own.

        def write_results(folder: Path) -> None:
            remarks.clear()
            written[:] = write_bundle(message.record.copy(), folder, message.folder, remarks.append)

        def write_network(folder: Path) -> None:
            from engine.export.model.folder import write_model

            remarks.clear()
            written[:], onnx = write_model(message.record.copy(), message.folder, folder, say=remarks.append)
            if onnx is not None:
                remarks.append(onnx.told)

        here = Path.cwd() / message.folder.name
        results = Exportable("results", (*FILES, *WITH_PREDICTIONS), Path(f"{here}-export"), write_results)
        network = Exportable("model", MODEL_FILES, Path(f"{here}-model"), write_network, CHECKING)
        self.push_screen(ExportTo(results, network), exported)

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
