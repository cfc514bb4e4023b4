"""During a run: how is it going, and how long will it take."""

from __future__ import annotations

from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Static

from engine.control import Pause, Resume, Stop
from engine.record.events import Changed, Evaluated, Event, Paused, Resumed, RunStarted, Stopping
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.runs.contract import RunView
from tui.charts.keys import CHART_BINDINGS, ChartKeys
from tui.charts.kinds.loss import LossChart
from tui.look.wording import duration
from tui.screens.exhibit import kept
from tui.screens.machine import MACHINE_BINDINGS, MachineOf, MachineRows
from tui.screens.messages import Back, Branch, Export, ShowImages, ShowResults
from tui.screens.reference import put_behind
from tui.screens.steering import STEERING_BINDINGS, Steering
from tui.widgets import run_facts
from tui.widgets.fact_sheet import FactSheet
from tui.widgets.keys import Keys
from tui.widgets.log_lines import LogLines
from tui.widgets.machine import MachineView, alarms, section
from tui.widgets.preparation import Preparation
from tui.widgets.run_progress import Bar, RunProgress
from tui.widgets.title_bar import TitleBar
from tui.widgets.warning_lines import WarningLines

LOOKS_EVERY = 0.5
"""Seconds between two looks at the run: two frames a second fit through a slow SSH connection."""

WIDE = 110
"""With so many columns, the side panel stands beside the chart; with fewer, one line replaces it."""

TALL = 34
"""With so many rows, four lines of the log are shown instead of two."""


class TrainingScreen(ChartKeys, MachineRows, Steering, Screen[None]):
    """Reads the run's log twice a second. The run does not know of the screen and never waits for it."""

    HELP = (
        "The band shows the loss of every iteration, the line is smoothed over it. Thin lines separate the epochs. On"
        " the right axis, ◆ marks the accuracy on the test or validation images, ◇ that on the training images: where ◇"
        " rises and ◆ does not, the network only memorizes. ● is the loss of the test or validation images, ★ the test"
        " accuracy after a validation, ▲ a loss far above the axis. ▼ is where a constant was changed. The thin line is"
        " the pinned run, or the best earlier one on the same images; the title says how far ahead of it this run is,"
        " in loss and in points of accuracy. Stop ends the training after the current iteration, evaluates and saves."
        " Stop again leaves out the evaluation."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", tooltip="Pause the training"),
        Binding("p", "resume", "Resume", tooltip="Go on with the training"),
        Binding("s", "stop", "Stop", tooltip="Stop, evaluate and save; again: leave out the evaluation"),
        *STEERING_BINDINGS,
        Binding("t", "results", "Table", tooltip="The results so far: table, map, each class after each epoch"),
        Binding("g", "gallery", "Images", tooltip="The images of the newest evaluation: what they were taken for"),
        *MACHINE_BINDINGS,
        Binding("l", "log", "Log", tooltip="All lines of the log"),
        Binding("l", "chart", "Chart", tooltip="The chart instead of the log"),
        Binding("e", "export", "Export", tooltip="Write what there is so far to a folder of your choice"),
        *CHART_BINDINGS,
        Binding("f1", "app.help", "Help", tooltip="Explain this screen and its keys"),
        Binding("escape", "back", "Back", tooltip="Back to where this run was opened; the run goes on"),
        Binding("q", "app.leave", "Leave", tooltip="Close the program; asks what to do with the run"),
    ]
    DEFAULT_CSS = """
    TrainingScreen {
        background: $background;
        #body { height: 1fr; }
        #main { width: 1fr; }
        LossChart { height: 1fr; }
        LogLines { height: 2; }
        FactSheet { width: 30; height: 100%; display: none; }
        #folded { height: 1; padding: 0 1; color: $text-muted; }
        &.-tall LogLines { height: 4; }
        &.-wide FactSheet { display: block; }
        &.-wide #folded { display: none; }
        &.-log LossChart { display: none; }
        &.-log LogLines { height: 1fr; }
        MachineView { display: none; height: 1fr; }
        &.-machine LossChart, &.-machine LogLines { display: none; }
        &.-machine MachineView { display: block; }
        Preparation { display: none; }
        &.-preparing Preparation { display: block; }
        &.-preparing LossChart, &.-preparing LogLines, &.-preparing FactSheet { display: none; }
    }
    """

    class Ended(Message):
        """The run of `screen` is over, and its folder is written. Posted at every look until the screen is closed."""

        def __init__(self, screen: TrainingScreen) -> None:
            super().__init__()
            self.screen = screen

    def __init__(self, run: RunView, machine_of: MachineOf | None = None) -> None:
        super().__init__(classes="-preparing")
        self.run = run
        self.machine_of = machine_of
        self.record = RunRecord(run.log)
        self._pace = Pace()
        self._folded = Text()

    def compose(self) -> ComposeResult:
        yield TitleBar(f"cifar-tui · {self.run.folder.name}", "preparing")
        with Horizontal(id="body"):
            with Vertical(id="main"):
                yield Preparation()
                yield LossChart()
                yield LogLines()
                yield MachineView()
            yield FactSheet("run")
        yield WarningLines()
        yield Static(id="folded", markup=False)
        yield RunProgress()
        yield Keys()

    def on_mount(self) -> None:
        self.set_interval(LOOKS_EVERY, self.look)
        self.look()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height >= TALL, "-tall")

    # Showing the run

    def look(self) -> None:
        """Read what is new in the run's log, and show it."""
        for event in self.record.catch_up():
            self._take(event)
        record, now = self.record, self.run.seconds()
        self._pace.look(now, record)
        self._show_state(now)
        if record.ended:
            self.post_message(self.Ended(self))

    def _take(self, event: Event) -> None:
        self.take_answer(event)
        match event:
            case Changed(name="epochs"):
                self.query_one(LossChart).lengthen(self.record.iterations)
            case Evaluated():
                self.refresh_bindings()  # there may be images to show now
            case RunStarted():
                self.remove_class("-preparing")
                self.query_one(LossChart).start(event.iterations, event.batches)
                put_behind(self, self.query_one(LossChart), self.run.folder, event)
                self.refresh_bindings()
            case Paused() | Resumed() | Stopping():
                self.answered()
                self.refresh_bindings()

    def _show_state(self, now: float) -> None:
        record, started, title = self.record, self.record.started, self.query_one(TitleBar)
        title.middle = self._state()
        several = f"{started.processes} × " if started and started.processes > 1 else ""
        where = f" · {several}{started.device.kind} {started.device.name}" if started else ""
        title.right = f"{duration(now)}{where}"  # the time first: the end is cut if there is no room for both
        if started is None:
            self.query_one(Preparation).show(record.data_progress)
            return
        self.query_one(LossChart).show(record.losses, record.evaluations, record.trained, record.changes)
        self.query_one(LogLines).show(record.lines)
        self.query_one(WarningLines).show(record.warnings)
        progress = self.query_one(RunProgress)
        done = len(record.losses)
        in_epoch = done - started.batches * max(0, record.epoch - 1)
        progress.bars = (
            Bar("epoch", in_epoch, started.batches, f"{in_epoch:,}/{started.batches:,}"),
            Bar("run", done, record.planned, f"{100 * done / max(1, record.planned):.0f} %"),
        )
        left = self._pace.seconds_left(now, record)
        progress.note = f"left {duration(left)}" if left is not None else ""
        machine = self.machine_figures(record, self.run.folder)
        self.query_one(MachineView).show(machine)
        self.query_one(FactSheet).show(run_facts.sections(record, self._pace, section(machine)))
        self._show_folded(alarms(machine))

    def _state(self) -> str:
        record = self.record
        if record.stopping:
            return "evaluating before the end · s skips that" if record.stopping.evaluates else "stopping"
        if self.asked_to_stop:
            return "stopping"
        if self.asked_to_pause:
            return "pausing"
        if record.paused:
            return "paused · p resumes"
        if record.started is None:
            return "preparing the images"
        return f"{record.status} · epoch {record.epoch} of {record.planned_epochs}"

    def _show_folded(self, alarm: str) -> None:
        """Show the most important facts in one line, for a narrow terminal; what is wrong with the machine first."""
        facts = run_facts.line(self.record, self._pace)
        text = Text(f"{alarm} · {facts}" if alarm else facts, no_wrap=True, overflow="ellipsis")
        if text != self._folded:
            self._folded = text
            self.query_one("#folded", Static).update(text, layout=False)

    # Keys

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offer only the keys that do something now."""
        training, log = self.record.started is not None, self.has_class("-log")
        machine = self.has_class("-machine")
        match action:
            case "pause":
                return self.record.paused is None
            case "resume":
                return self.record.paused is not None
            case "export":
                return training
            case "results":
                return bool(self.record.evaluations)
            case "gallery":
                return bool(kept(self.record))
            case "machine":
                return training and self.machine_of is not None and parameters != (machine,)
            case "log":
                return training and not log
            case "chart":
                return training and log
        if action.startswith("steer_"):
            return self.can_steer()
        return not action.startswith("chart_") or (training and not log and not machine)

    def action_pause(self) -> None:
        self.ask(Resume() if self.will_be_paused else Pause())

    def action_resume(self) -> None:
        self.action_pause()  # the run may be on its way into the other state

    def action_stop(self) -> None:
        self.ask(Stop())

    def action_log(self) -> None:
        self.remove_class("-machine")
        self._show_log(True)

    def action_chart(self) -> None:
        self._show_log(False)

    def action_machine(self, shown: bool) -> None:
        self.set_class(shown, "-machine")
        self._show_log(False)

    def action_results(self) -> None:
        self.post_message(ShowResults(self.record, self.run.folder))

    def action_steer_branch(self) -> None:
        self.action_steer_save()
        self.post_message(Branch(self.record, self.run.folder))

    def action_gallery(self) -> None:
        self.post_message(ShowImages(self.record, self.run.folder, kept(self.record)[-1]))

    def action_export(self) -> None:
        self.post_message(Export(self.record, self.run.folder))

    def action_back(self) -> None:
        self.post_message(Back())

    def _show_log(self, full: bool) -> None:
        self.set_class(full, "-log")
        log = self.query_one(LogLines)
        log.full = full
        self.set_focus(log if full else None)
        self.refresh_bindings()
