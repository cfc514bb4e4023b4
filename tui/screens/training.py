"""While a run goes: how is it going, and how long still."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar

from rich.text import Text
from textual import events
from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.containers import Horizontal, Vertical
from textual.message import Message
from textual.screen import Screen
from textual.widgets import Log, Static

from engine.config import CONSTANTS
from engine.control import Pause, Request, Resume, Stop
from engine.errors import EngineError
from engine.record.evaluation import Evaluation
from engine.record.events import Evaluated, Paused, Resumed, RunStarted, Stopping
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.runs.contract import RunView
from engine.text import clean
from tui.charts.keys import CHART_BINDINGS, ChartKeys
from tui.charts.kinds.loss import EpochAccuracy, LossChart
from tui.look.wording import count, duration, rate
from tui.screens.messages import Export
from tui.widgets.keys import Keys
from tui.widgets.run_progress import Bar, RunProgress
from tui.widgets.title_bar import TitleBar

LOOKS_EVERY = 0.5
"""Seconds between two looks at the run: a curve grows by a column now and then, and a slow link carries two frames."""

ANSWERS_WITHIN = 0.04
"""Seconds in which a run has done what a key asks of it: some iterations."""

WIDE = 110
"""Columns from which on the side panel has room beside the chart."""


class TrainingScreen(ChartKeys, Screen[None]):
    """Polls the run's log at its own pace; the run knows nothing of it."""

    HELP = (
        "The band holds every iteration's loss, the line is smoothed over it; thin lines part the epochs, and ◆ marks"
        " the accuracy on the test images, on the right axis. Stopping ends the training after the iteration it is in,"
        " evaluates and saves; stopping again leaves the evaluation out."
    )
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("p", "pause", "Pause", tooltip="Pause the training, and go on with it"),
        Binding("s", "stop", "Stop", tooltip="Stop, evaluate and save; again: leave out the evaluation"),
        *CHART_BINDINGS,
        Binding("l", "lines", "Lines", tooltip="The log in full, or the chart"),
        Binding("e", "export", "Export", tooltip="Write what there is to a folder of your choice"),
        Binding("f1", "app.help", "Help"),
        Binding("q", "app.leave", "Leave", tooltip="Leave; asks what becomes of the run"),
    ]
    DEFAULT_CSS = """
    TrainingScreen { background: $background; }
    TrainingScreen #body { height: 1fr; }
    TrainingScreen #main { width: 1fr; }
    TrainingScreen LossChart { height: 1fr; }
    TrainingScreen #preparing { height: 1fr; content-align: center middle; display: none; }
    TrainingScreen.-preparing #preparing { display: block; }
    TrainingScreen.-preparing LossChart { display: none; }
    TrainingScreen #side {
        width: 30; height: 100%; display: none; padding: 0 1; border: round $border; border-title-color: $text-muted;
    }
    TrainingScreen #folded { height: 1; padding: 0 1; color: $text-muted; }
    TrainingScreen #log { height: 2; padding: 0 1; background: $background; color: $text-muted; scrollbar-size: 0 0; }
    TrainingScreen #speed { height: 2; margin-bottom: 1; }
    TrainingScreen #facts { height: 1fr; }
    TrainingScreen.-wide #side { display: block; }
    TrainingScreen.-preparing #side { display: none; }
    TrainingScreen.-wide #folded { display: none; }
    TrainingScreen.-tall #log { height: 4; }
    TrainingScreen.-lines LossChart { display: none; }
    TrainingScreen.-lines #log { height: 1fr; border: round $border; scrollbar-size: 1 1; }
    """

    class Ended(Message):
        """The run is over, and its folder written."""

        def __init__(self, record: RunRecord, folder: Path) -> None:
            super().__init__()
            self.record, self.folder = record, folder

    def __init__(self, run: RunView) -> None:
        super().__init__(classes="-preparing")
        self.run = run
        self.record = RunRecord(run.log)
        self._pace = Pace()
        self._marks: list[EpochAccuracy] = []
        self._printed = 0
        self._written: dict[str, Text] = {}
        self._over = False
        self._asked: Request | None = None
        """The request that the run has not answered yet."""

    @property
    def folder(self) -> Path:
        return self.run.folder

    def compose(self) -> ComposeResult:
        yield TitleBar(f"cifar-tui · {self.run.folder.name}", "preparing")
        with Horizontal(id="body"):
            with Vertical(id="main"):
                yield Static("", id="preparing", markup=False)
                yield LossChart()
            with Vertical(id="side") as side:
                side.border_title = "run"
                yield Static(Text("speed", "bold"))
                yield Static("", id="speed", markup=False)
                yield Static("", id="facts", markup=False)
        yield Static("", id="folded", markup=False)
        yield RunProgress()
        log = Log(id="log", highlight=False)
        log.can_focus = False
        yield log
        yield Keys()

    def on_mount(self) -> None:
        self.set_interval(LOOKS_EVERY, self.look)
        self.look()

    def on_resize(self, event: events.Resize) -> None:
        self.set_class(event.size.width >= WIDE, "-wide")
        self.set_class(event.size.height >= 34, "-tall")

    def look(self) -> None:
        """Take in what the run has said since the last look, and show it."""
        if self._over:
            return
        new = self.record.catch_up()
        record, now = self.record, self.run.seconds()
        self._pace.look(now, record)
        for event in new:
            if isinstance(event, Paused | Resumed | Stopping):
                self._asked = None
            if isinstance(event, RunStarted):
                self.remove_class("-preparing")
                self.query_one(LossChart).start(event.iterations, event.batches)
            elif isinstance(event, Evaluated):
                accuracy = Evaluation(record.classes, event.matrix).accuracy
                self._marks.append(EpochAccuracy(event.iteration, accuracy))
        if record.started is not None:
            self.query_one(LossChart).show(record.losses, self._marks)
        self._show_lines()
        self._show_state(now)
        # What stands over this screen, a palette or a question, is not pushed aside by results; they come after it.
        if record.ended and (self.app.screen is self or record.started is None):
            self._over = True
            self.post_message(self.Ended(record, self.run.folder))

    def _show_lines(self) -> None:
        lines = self.record.lines[self._printed :]
        if lines:
            self.query_one(Log).write_lines([clean(line) for line in lines])
            self._printed += len(lines)

    def _show_state(self, now: float) -> None:
        record, title = self.record, self.query_one(TitleBar)
        title.middle = self._state()
        started = record.started
        where = f" · {started.device.kind} {started.device.name}" if started else ""
        title.right = f"{duration(now)}{where}"  # the time first: it stays where there is no room for both
        if started is None:
            self._show_preparation()
            return
        progress = self.query_one(RunProgress)
        done = len(record.losses)
        in_epoch = done - started.batches * max(0, record.epoch - 1)
        progress.bars = (
            Bar("epoch", in_epoch, started.batches, f"{in_epoch:,}/{started.batches:,}"),
            Bar("run", done, started.iterations, f"{100 * done / started.iterations:.0f} %"),
        )
        left = self._pace.seconds_left(now, record)
        progress.note = f"left {duration(left)}" if left is not None else ""
        self._write("#folded", self._folded())
        self._write("#speed", _rows(self._speed()))
        self._write("#facts", self._facts())

    def _write(self, selector: str, text: Text) -> None:
        """Show `text` there, and send nothing down the link where it is what stands there."""
        if self._written.get(selector) != text:
            self._written[selector] = text
            self.query_one(selector, Static).update(text, layout=False)

    def _state(self) -> str:
        record = self.record
        if record.stopping:
            return "stopping: evaluating, s again leaves that out" if record.stopping.evaluates else "stopping"
        if isinstance(self._asked, Stop) and not record.ended:
            return "stopping"
        if isinstance(self._asked, Pause):
            return "pausing"
        if record.paused:
            return "paused · p goes on"
        if record.started is None:
            return "preparing the images"
        return f"{record.status} · epoch {record.epoch} of {record.started.epochs}"

    def _show_preparation(self) -> None:
        data = self.record.data_progress
        text = Text(justify="center")
        if data is None:
            text.append("loading torch and looking at the machine …")
        elif data.done == data.total:
            text.append("the images are ready; choosing how to train fastest …")
        else:
            text.append(f"{clean(data.activity)}\n\n")
            if data.total:
                cells = 40
                done = round(cells * min(1.0, data.done / data.total))
                text.append("━" * done, "bold").append("─" * (cells - done), "dim").append("\n\n")
            text.append(count(data.done, data.total, data.unit))
        text.append("\n\ns stops", "dim")
        self.query_one("#preparing", Static).update(text)

    def _speed(self) -> list[tuple[str, str]]:
        per_second, images = self._pace.iterations_per_second, self._pace.images_per_second(self.record)
        return [
            ("iterations/s", rate(per_second, "").strip() if per_second else "–"),
            ("images/s", rate(images, "").strip() if images else "–"),
        ]

    def _folded(self) -> Text:
        """The side panel as one line, for a narrow terminal."""
        parts = [f"{value} {name}" for name, value in self._speed()]
        evaluation = self.record.evaluation
        if evaluation is not None:
            parts.append(f"test accuracy {evaluation.accuracy:.2f} % after epoch {self.record.evaluations[-1].epoch}")
        return Text(" · ".join(parts), no_wrap=True, overflow="ellipsis")

    def _facts(self) -> Text:
        started = self.record.started
        assert started is not None
        accuracies = [
            (f"epoch {done.epoch}", f"{mark.accuracy:.2f} %")
            for done, mark in zip(self.record.evaluations[-8:], self._marks[-8:], strict=True)
        ]
        awaited = "after epoch 1" if started.config.get("evaluate_each_epoch") else "at the end"
        trained = [constant for constant in CONSTANTS if constant.group == "training"]
        return Text.assemble(
            _section("test accuracy", accuracies or [(awaited, "")]),
            _section("constants", [(c.label[:19], _shown(started.config.get(c.name))) for c in trained]),
            _section("network", [("parameters", f"{started.parameters:,}")]),
            ("data\n", "bold"),
            clean(started.dataset.name),
            no_wrap=True,
            overflow="ellipsis",
        )

    def action_pause(self) -> None:
        is_paused = isinstance(self._asked, Pause) if self._asked else self.record.paused is not None
        self._ask(Resume() if is_paused else Pause())

    def action_stop(self) -> None:
        self._ask(Stop())

    def _ask(self, request: Request) -> None:
        try:
            self.run.ask(request)
            self._asked = request
        except EngineError as error:  # a run of another process may be out of reach
            self.notify(error.message, severity="error", markup=False)
        self._look_at_the_effect()

    def _look_at_the_effect(self) -> None:
        """Show that a key was heard, and soon what the run made of it, ahead of the next look."""
        self.look()
        self.set_timer(ANSWERS_WITHIN, self.look)

    def action_export(self) -> None:
        if self.record.started is None:
            self.notify("There is nothing to export yet.", severity="warning")
        else:
            self.post_message(Export(self.record, self.folder))

    def action_lines(self) -> None:
        full = not self.has_class("-lines")
        self.set_class(full, "-lines")
        log = self.query_one(Log)
        log.can_focus = full
        if full:
            log.focus()
        else:
            self.set_focus(None)
            log.scroll_end(animate=False)


def _section(title: str, rows: list[tuple[str, str]]) -> Text:
    """A heading, its rows, and an empty line."""
    return Text.assemble((f"{title}\n", "bold"), _rows(rows), "\n")


def _rows(rows: list[tuple[str, str]]) -> Text:
    text = Text(no_wrap=True, overflow="ellipsis")
    for name, value in rows:
        text.append(f"{name:<19}", "dim").append(f"{value:>7}\n")
    return text


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else clean(value)
