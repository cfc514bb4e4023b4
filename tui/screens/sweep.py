"""A sweep: its trials as a list of runs, what is best so far, and how each constant bears on the result."""

from __future__ import annotations

from functools import partial
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.screen import Screen

from engine.control import Stop
from engine.errors import EngineError
from engine.storage.columns import BY_NAME
from engine.storage.entry import RunEntry
from engine.storage.inbox import Outbox
from engine.text import clean, counted
from tui import work
from tui.dialogs.choice import Choice
from tui.screens.runs import RunsScreen
from tui.screens.runs_keys import RUNS_BINDINGS
from tui.screens.shown_runs import ShownRuns
from tui.screens.sweep_reader import SweepReader
from tui.widgets.against import AgainstFields, Field
from tui.widgets.run_table import RunTable
from tui.widgets.sweep_summary import SweepFacts, SweepSummary
from tui.widgets.title_bar import TitleBar

TALL = 30
"""With fewer rows, the fields of points are left out."""

_NOT_HERE = {"rename", "throw_away", "trash", "sweeps"}
"""Actions of the list of runs that would take trials away from their sweep."""


_STOP = Binding.Group("Stop", compact=True)


class SweepScreen(RunsScreen, inherit_bindings=False):
    """The list of runs over the trials of one sweep, with what they say together above it."""

    HELP = (
        "The trials of a sweep: each is an ordinary run. Enter opens it, as it trains or with its results. Above the"
        " list stands the best trial so far, by the goal of the sweep. In the fields each point is a trial: across is"
        " the constant, up is the result, ◆ is the best. s stops the trial under the cursor, or those that are marked,"
        " with their results; S the whole sweep.\n\n" + RunsScreen.HELP
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        *Screen.BINDINGS,
        Binding(
            "s", "stop_runs", "Stop", tooltip="Stop this trial, or the marked ones: they evaluate and save", group=_STOP
        ),
        Binding("S", "stop_sweep", "Stop all", tooltip="Stop all trials, and begin no others", group=_STOP),
        *RUNS_BINDINGS,
    ]
    DEFAULT_CSS = """
    SweepScreen AgainstFields { display: none; margin: 0 1; }
    SweepScreen.-tall AgainstFields { display: block; }
    """

    def __init__(self, reader: SweepReader) -> None:
        shown = ShownRuns()
        names = ("name", "status", "left", "accuracy", *reader.folder.spec.over)
        shown.choose_columns(tuple(BY_NAME[name] for name in names))
        shown.sort(BY_NAME["accuracy"])
        super().__init__(reader.folder.path, reader.look, shown)
        self._reader = reader

    def compose(self) -> ComposeResult:
        for widget in super().compose():
            if isinstance(widget, RunTable):
                yield SweepSummary()
                yield AgainstFields()
            yield widget

    def on_resize(self) -> None:
        super().on_resize()
        self.set_class(self.size.height >= TALL, "-tall")

    def _show(self) -> None:
        super()._show()
        seen, spec = self._reader.seen, self._reader.folder.spec
        if seen is None:
            return
        best = seen.best[0] if seen.best else None
        self.query_one(SweepSummary).show(
            SweepFacts(
                goal=spec.measure,
                best=_told(spec.goal.name, best.value) if best else "",
                trial=best.trial.number if best else 0,
                values=best.trial.values if best else {},
                ended=seen.ended,
                planned=seen.planned,
                training=seen.training,
                failed=seen.failed,
                stopped=seen.stopped,
                workers=self._reader.workers,
                left=seen.left,
                shares=self._reader.shares,
            )
        )
        fields = tuple(
            Field(
                each.name.replace("_", " "),
                each.points,
                each.labels,
                max(range(len(each.points)), key=lambda i: each.points[i][1] * (1 if spec.goal.maximize else -1))
                if each.points
                else None,
            )
            for each in seen.against
        )
        edges = (_told(spec.goal.name, value) for value in (seen.lowest, seen.highest))
        self.query_one(AgainstFields).show(fields, *edges)

    def _tell_how_many(self) -> None:
        super()._tell_how_many()
        title = self.query_one(TitleBar)
        title.middle = f"sweep {clean(self.runs_dir.name)} · {title.middle}"

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in _NOT_HERE:
            return False
        return super().check_action(action, parameters)

    # Stopping

    def action_stop_runs(self) -> None:
        """Stop the marked trials, or the one under the cursor."""
        live = [run for run in self.chosen if run.live]
        if not live:
            self.notify("No trial trains there.", severity="warning")
            return
        work.run(self, partial(_stop, live), lambda _: self._told(f"{counted(len(live), 'trial')} asked to stop."))

    def action_stop_sweep(self) -> None:
        """Ask first: nothing begins any more."""

        def answered(answer: str | None) -> None:
            if answer == "stop":
                folder = self._reader.folder
                work.run(self, folder.ask_to_stop, lambda _: self._told("The sweep was asked to stop."))

        question = f"Stop the sweep {clean(self.runs_dir.name)}?"
        detail = "Its runs evaluate and save, and no trial begins any more. cifar-tui sweep --resume goes on with it."
        self.app.push_screen(Choice(question, detail, {"stop": "Stop the sweep", "on": "Let it go on"}), answered)

    def _told(self, text: str) -> None:
        self.notify(text, markup=False)
        self.action_refresh()


def _stop(runs: list[RunEntry]) -> None:
    for run in runs:
        outbox = Outbox(run.path)
        try:
            outbox.ask(Stop())
        except EngineError:
            if run.path.exists():
                raise
        finally:
            outbox.close()


def _told(goal: str, value: float | None) -> str:
    """Return a result in few digits."""
    if value is None:
        return ""
    return f"{value:.2f} %" if "accuracy" in goal else f"{value:,.4g}"
