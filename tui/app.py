"""The app: which screen stands when, what the keys that work everywhere do, and what becomes of a run on leaving.

Only what the form needs is imported on top, so that it is painted at once; the rest comes while it is being read.
"""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from rich.text import Text
from textual.app import App, SystemCommand
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.config import TrainingConfig
from engine.errors import ConstantError, EngineError
from engine.events import Failed
from engine.preflight import Preflight, preflight
from engine.text import clean
from tui.screens.dialogs import ExportTo, images_missing, leaving
from tui.screens.help import HelpScreen
from tui.screens.setup import SetupScreen
from tui.theme import DARK, LIGHT

if TYPE_CHECKING:
    from engine.record import RunRecord
    from engine.run import Run
    from tui.screens.training import TrainingScreen


def _look_and_make_ready(look: Callable[[TrainingConfig], Preflight], config: TrainingConfig) -> Preflight:
    """`look`, and then the import of what comes after the form. Called off the event loop."""
    try:
        return look(config)
    finally:
        import tui.screens.training  # noqa: F401


class CifarApp(App[None]):
    """The form, then the training, then the results, and from there the form again."""

    TITLE = "cifar-tui"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+q", "leave", "Leave", show=False, priority=True),
        Binding("ctrl+t", "switch_theme", "Dark or light", show=False, tooltip="Dark or light colours"),
    ]

    def __init__(
        self, values: Mapping[str, object], *, look: Callable[[TrainingConfig], Preflight] = preflight
    ) -> None:
        """`values` fill the form, by constant name; `look` is the pre-flight."""
        super().__init__()
        self._values = dict(values)
        self._look = partial(_look_and_make_ready, look)
        self.training: Run | None = None
        """The run that was started last; it may outlive the app."""

    def on_mount(self) -> None:
        for theme in (DARK, LIGHT):
            self.register_theme(theme)
        self.theme = DARK.name
        self.push_screen(self.first_screen())

    def first_screen(self) -> Screen[Any]:
        """Where the app begins: the form."""
        return SetupScreen(self._values, self._look)

    # From the form to the results

    def start_run(self, config: TrainingConfig) -> None:
        """Start a run of `config` and show it."""
        if self._is_training():
            self.notify("A run is still training here.", severity="warning")
            return
        from engine.run import Run
        from tui.screens.training import TrainingScreen

        try:
            self.training = Run(config).start()
        except ConstantError as error:
            self._show_problems(error.problems)
            return
        self.push_screen(TrainingScreen(self.training))

    def _is_training(self) -> bool:
        return self.training is not None and not self.training.join(0)

    def on_training_screen_ended(self, ended: TrainingScreen.Ended) -> None:
        if ended.record.started is not None:
            self._show_results(ended.record, ended.folder)
            return
        assert self.training is not None
        run, self.training = self.training, None
        self.action_new_run()  # a dialog may stand over the training screen: it has nothing to ask any more
        if isinstance(run.error, ConstantError):
            self._show_problems(run.error.problems)
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

    def action_new_run(self) -> None:
        """Back to the form."""
        while not isinstance(self.screen, SetupScreen):
            self.pop_screen()

    def action_runs(self) -> None:
        """Choose among the runs on disk."""
        from engine import rundir
        from tui.screens.runs import RunsScreen

        runs_dir = self._runs_dir()

        def opened(folder: Path | None) -> None:
            if folder is None:
                return
            try:
                self._show_results(rundir.read(folder), folder)
            except EngineError as error:
                self.notify(error.message, severity="error", markup=False)

        self.push_screen(RunsScreen(runs_dir, lambda: rundir.list_runs(runs_dir)), opened)

    def _runs_dir(self) -> Path:
        if isinstance(self.screen, SetupScreen):
            self._values = dict(self.screen.values)
        return Path(str(self._values.get("runs_dir", TrainingConfig().runs_dir)))

    def action_export(self) -> None:
        """Write the bundle of the run that is shown."""
        from engine.export import write_bundle
        from engine.record import RunRecord

        screen = self.screen
        record, folder = getattr(screen, "record", None), getattr(screen, "folder", None)
        if not isinstance(record, RunRecord) or record.started is None or not isinstance(folder, Path):
            self.notify("There is nothing to export yet.", severity="warning")
            return

        def chosen(to: Path | None) -> None:
            if to is None:
                return
            try:
                written = write_bundle(record, to)
            except EngineError as error:
                self.notify(error.message, title="Not exported", severity="error", markup=False)
                return
            names = ", ".join(path.name for path in written)
            self.notify(f"{names} are in {clean(to.absolute())}", title="Exported", timeout=10, markup=False)

        self.push_screen(ExportTo(Path.cwd() / f"{folder.name}-export"), chosen)

    def action_leave(self) -> None:
        """Leave; where a run still trains, ask what becomes of it."""
        if not self._is_training():
            self.exit()
        elif not self.screen.is_modal:
            self.push_screen(leaving(), self._left)

    def _left(self, answer: str | None) -> None:
        assert self.training is not None
        if answer == "stop":
            self.training.control.stop()
        elif answer == "go_on":
            self.training.control.resume()  # paused without a screen would be paused for ever
        else:
            return
        self.exit()

    def action_help(self) -> None:
        """What the screen shows, and its keys."""
        keys: dict[str, list[str]] = {}
        for binding in self._shown_bindings():
            keys.setdefault(binding.tooltip or binding.description, []).append(self.get_key_display(binding))
        self.push_screen(
            HelpScreen(getattr(self.screen, "HELP", ""), [(" ".join(names), does) for does, names in keys.items()])
        )

    def _handle_exception(self, error: Exception) -> None:
        # Once the app is leaving, a screen may be taken down while it is still being put up: no news to anybody.
        if not self._exit:
            super()._handle_exception(error)

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
