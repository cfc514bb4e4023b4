"""The app as far as it concerns runs that train: started, shown until they end, and told of if they fail."""

from __future__ import annotations

import os
from abc import abstractmethod
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import TrainingConfig
from engine.errors import ConstantError, EngineError
from engine.process import python_running
from engine.text import clean
from tui import work
from tui.dialogs.choice import images_missing
from tui.screens.messages import Branch, FindRate, StartInBackground, StartRun
from tui.screens.setup import SetupScreen
from tui.terminal.driver import SteadyDriver
from tui.terminal.ending import DEFAULT, Ending, announcement, in_words
from tui.terminal.steady_app import SteadyApp
from tui.terminal.textual_private import write_past_the_screen

if TYPE_CHECKING:
    from engine.record.record import RunRecord
    from engine.runs.contract import RunView
    from engine.runs.local import Run
    from engine.runs.watched import WatchedRun
    from engine.storage.checkpoint import Checkpoint
    from tui.screens.training import TrainingScreen


class RunningApp(SteadyApp):
    """Starts runs, in this process or in one of their own, and shows one at a time."""

    def __init__(self, ending: Ending = DEFAULT) -> None:
        """`ending` says how a person is told of the end of a run."""
        super().__init__(driver_class=SteadyDriver)
        self.ending = ending
        self._told_of: list[RunView] = []
        """Runs whose end was told."""
        self._in_background: list[RunView] = []
        """Runs in processes of their own that were started here: each runs the command of `ending` itself."""
        self.form: SetupScreen | None = None
        """The form, once there is one."""
        self.training_screen: TrainingScreen | None = None
        """The screen of the run that is shown, while it trains."""
        self.is_starting = False
        self.training: Run | None = None
        """The run of this process that was started last. It may outlive the app."""

    @abstractmethod
    def to_form(self, constants: Mapping[str, object] | None = None) -> SetupScreen:
        """Close every other screen and show the form, filled with `constants`."""

    def on_start_run(self, message: StartRun) -> None:
        """Start a run in this process, and show it."""

        def make() -> Run:
            from engine.runs.local import Run

            return Run(message.config)

        self._start(make)

    def on_branch(self, message: Branch) -> None:
        """Show the form for a run that begins with the weights that the one on the screen has now."""
        from engine.runs import branching
        from engine.storage import origin

        here = self.training_screen

        def made(found: Checkpoint) -> None:
            if self.training_screen is not here or self.screen is not here:  # the user went elsewhere meanwhile
                return
            name, iteration = origin.named(found)
            form = self.to_form(message.constants_from(found.path, iteration))
            form.choose("learning_rate", form.values["learning_rate"])
            beside = " It still trains here: Ctrl+B trains beside it." if self.running() else ""
            self.notify(f"A branch of {name} after iteration {iteration:,}.{beside}", markup=False, timeout=8)

        work.run(self, partial(branching.point, message.folder, message.iteration), made, self.tell)

    def on_find_rate(self, message: FindRate) -> None:
        """Look for a learning rate. Beside a run both would be slow."""
        from engine.runs.rate_search import RateSearch
        from tui.screens.rate_finder import RateFinderScreen

        if self.is_starting or self.running():
            self.notify("A run is still training here.", severity="warning")
        else:
            self.push_screen(RateFinderScreen(RateSearch(message.config).start()), self._rate_found)

    def _rate_found(self, rate: float | None) -> None:
        if rate is not None and self.form is not None:
            self.form.choose("learning_rate", str(rate))

    def resume(self, folder: Path) -> None:
        def make() -> Run:
            from engine.runs.local import Run

            return Run.resume(folder)

        self._start(make)

    def _start(self, make: Callable[[], Run]) -> None:
        def made(run: Run) -> None:
            self.is_starting = False
            self.training = run.start()
            self.show_training(run)
            work.run(self, run.join, lambda _: self._tell_end(run))

        if self.is_starting or self.running():
            self.notify("A run is still training here.", severity="warning")
        else:
            self.is_starting = True
            work.run(self, make, made, self._not_started)

    def on_start_in_background(self, message: StartInBackground) -> None:
        """Start a run as a process of its own, and watch it."""

        def make() -> WatchedRun:
            from engine.runs import background

            return background.start(message.config, [*python_running("tui"), "train", *self.ending.words])

        def made(watched: WatchedRun) -> None:
            self._in_background.append(watched)
            self.show_training(watched.start())

        work.run(self, make, made, self._not_started)

    def _not_started(self, error: EngineError) -> None:
        self.is_starting = False
        if isinstance(error, ConstantError) and self.form is not None and self.screen is self.form:
            self.form.show_problems(error.problems)
        else:
            self.tell(error)

    def show_training(self, run: RunView) -> None:
        from engine.runs.machine import machine_of
        from tui.screens.training import TrainingScreen

        self.close_view()
        self.training_screen = TrainingScreen(run, machine_of)
        self.push_screen(self.training_screen)

    def close_view(self) -> None:
        """Let go of the run that is shown. If it is paused it goes on, since nobody is left to end the pause."""
        if self.training_screen is not None:
            work.run(self, self.training_screen.run.close, lambda _: None)
            self.training_screen = None

    @property
    def view(self) -> RunView | None:
        """The run that the training screen shows, in this process or in another."""
        return self.training_screen.run if self.training_screen is not None else None

    def on_training_screen_ended(self, ended: TrainingScreen.Ended) -> None:
        """Show the results of a run, or why it never began. The message comes again until the screen is closed."""
        screen, record = ended.screen, ended.screen.record
        if screen not in self.screen_stack:
            return
        self._announce(screen.run, record)
        if record.started is None:
            self.to_form()  # closes a dialog over the training screen too: its question is out of date
            self._tell_why(screen.run, record)
        elif self.screen is screen:
            from tui.screens.results import ResultsScreen

            self.close_view()
            self.switch_screen(ResultsScreen(record, screen.run.folder))

    def _tell_why(self, run: RunView, record: RunRecord) -> None:
        """Tell why `run` ended before its training began. The form is shown."""
        from engine.record.events import Failed

        assert self.form is not None
        new = self.training if run is self.training else None
        if new is not None:
            self.training = None  # there is nothing to go on with after the app
        if new is None or (new.is_resumed and new.error is not None):
            self.tell(run.error or EngineError("The run ended before its training began."))
        elif isinstance(new.error, ConstantError):
            self.form.show_problems(new.error.problems)
        elif isinstance(record.closing, Failed):
            self.push_screen(images_missing(record.closing.reason), partial(self._without_images, new.config))
        else:
            self.notify("Stopped before training began. Nothing was written.")

    def _without_images(self, config: TrainingConfig, answer: str | None) -> None:
        if answer == "again":
            self.post_message(StartRun(config))
        elif self.form is not None and answer in ("demo", "folder"):
            self.form.choose("data", "demo" if answer == "demo" else None)

    def _tell_end(self, run: Run) -> None:
        """Tell that `run` ended: with a notification, if no screen shows it."""
        record = run.record()
        self._announce(run, record)
        if self.view is None and run is self.training:
            if record.started is None:
                self.training = None
            if run.error is not None:
                self.tell(run.error)
            else:
                self.notify(f"The run {clean(run.folder.name)} is {record.status}.", markup=False)

    def _announce(self, run: RunView, record: RunRecord) -> None:
        """Tell of the end of a run that has trained, once: ring, notify, and run a person's command."""
        if record.started is None or self.has_told_of(run):
            return
        self._told_of.append(run)
        if self.ending.notify is not False:
            write_past_the_screen(self, announcement(in_words(record, run.folder.name), os.environ))
        if run not in self._in_background:
            work.run(self, partial(self.ending.follows, record.copy(), run.folder), self._command_ended)

    def _command_ended(self, failure: str) -> None:
        if failure:
            self.notify(failure, severity="error", markup=False, timeout=10)

    def has_told_of(self, run: RunView) -> bool:
        """Whether the end of `run` was told."""
        return run in self._told_of

    def running(self) -> Run | None:
        """The run that is training in this process."""
        return self.training if self.training is not None and not self.training.ended else None

    def tell(self, error: EngineError) -> None:
        self.notify(error.message, severity="error", markup=False, timeout=10)
