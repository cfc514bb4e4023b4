"""The state of a run, computed from its events.

The run's thread appends to a `RunLog`. Each reader folds that log into a `RunRecord` of its own, at its own pace. A run
read from disk fills a `RunLog` too, so screens and exports treat live and ended runs the same.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.record.evaluation import Evaluation
from engine.record.events import (
    BatchDone,
    BranchOf,
    Changed,
    DataProgress,
    DeviceInfo,
    EnergyUsed,
    EpochStarted,
    EpochTrained,
    Evaluated,
    EvaluationStarted,
    Event,
    Failed,
    Finished,
    Notice,
    Paused,
    Refused,
    Resumed,
    RunResumed,
    RunStarted,
    Stopping,
)
from engine.record.log import RunLog
from engine.record.warnings import Watch
from engine.text import clean, counted

Status = Literal["preparing", "training", "evaluating", "paused", "completed", "stopped", "failed", "interrupted"]


class RunRecord:
    """Everything that a screen, an export or a comparison reads about a run. Not thread-safe."""

    def __init__(self, log: RunLog) -> None:
        self._log = log
        self._applied = 0
        self.started: RunStarted | None = None
        self.device: DeviceInfo | None = None
        """Where the run computes, or did last: a resumed run may be elsewhere. None before it has started."""
        self.data_progress: DataProgress | None = None
        self.epoch = 0
        self.lines: list[str] = []
        """The lines that the notebook prints, with notices and accuracies in between."""
        self.notices: list[str] = []
        self.trained: list[EpochTrained] = []
        """How many training images were recognised in each epoch, while it was trained."""
        self.evaluations: list[Evaluated] = []
        """Of the test images, or while the network trained of the validation images if there are any."""
        self.changes: list[Changed] = []
        """Constants that were changed while the network trained."""
        self.energy: EnergyUsed | None = None
        """What the GPU has used up to the newest checkpoint or the end; None if it is not known of the whole run."""
        self.evaluating: EvaluationStarted | None = None
        self.paused: Paused | None = None
        self.stopping: Stopping | None = None
        """Set from the moment the run obeys a stop until it ends."""
        self.paused_seconds = 0.0
        """Seconds of the training spent in pauses that are over."""
        self.closing: Finished | Failed | None = None
        self.warned: list[str] = []
        """Every line about something that went wrong, also if it goes well again by now."""
        self._watch = Watch()
        self.reached = (0.0, 0)
        """Seconds and iteration of the newest event that has an iteration."""

    def copy(self) -> RunRecord:
        """Another record of the same run, for another thread."""
        record = RunRecord(self._log)
        record.catch_up()
        return record

    def beginning(self) -> RunRecord:
        """Another record of the same run, before its first event."""
        return RunRecord(self._log)

    @property
    def warnings(self) -> tuple[str, ...]:
        """What goes wrong now, each in a sentence or two; at the end of a run, what was wrong then."""
        return self._watch.found

    def catch_up(self) -> list[Event]:
        """Apply the events since the last call, and return them."""
        new = self._log.events[self._applied :]
        for event in new:
            self.apply(event)
        self._applied += len(new)
        return new

    def apply(self, event: Event) -> None:
        """Apply the next event."""
        self._reach(event)
        match event:
            case DataProgress():
                self.data_progress = event
            case RunStarted():
                self.started, self.device = event, event.device
                self.data_progress = None
                self.paused_seconds = 0.0
                self.notices.extend(event.dataset.notes)
                self.lines.append(
                    f"Training {event.config.get('model')} with {counted(event.parameters, 'parameter')} on"
                    f" {counted(event.dataset.train_images, 'image')} ({event.dataset.name}), on {_where(event)}"
                )
                if event.branch_of is not None:
                    self.lines.append(f"Begins with the weights of {told_branch(event.branch_of)}")
            case RunResumed():
                self.paused = self.evaluating = self.stopping = None  # of the interrupted process
                self.device = event.device
                self.energy = None  # until the part that begins tells it
                self.data_progress = None
                self.epoch = event.epoch
                self.lines.append(f"Resumed after iteration {event.iteration:,}, on {_where(event)}")
            case EpochStarted():
                self.epoch = event.epoch
            case BatchDone():
                self.lines.append(event.line)
            case EpochTrained():
                self.trained.append(event)
            case EvaluationStarted():
                self.evaluating = event
            case Evaluated():
                self.evaluating = None
                self.evaluations.append(event)
                self.lines.append(self._told(event))
            case Paused():
                self.paused = event
            case Resumed():
                if self.paused is not None:
                    self.paused_seconds += event.seconds - self.paused.seconds
                self.paused = None
            case Stopping():
                self.stopping = event
            case Changed():
                self.changes.append(event)
                self.lines.append(told(event))
            case EnergyUsed():
                self.energy = event if event.joules is not None else None
            case Refused():
                self.lines.append(f"{_label(event)} unchanged: {event.reason}")
            case Notice():
                self.notices.append(event.text)
                self.lines.append(event.text)
            case Finished() | Failed():
                self.closing = event
                self.evaluating = self.paused = self.stopping = None
        if isinstance(event, BatchDone | EpochTrained | Evaluated):
            new = [f"Warning: {said}" for said in self._watch.look(self)]
            self.warned += new
            self.lines += new

    def _reach(self, event: Event) -> None:
        match event:
            case RunStarted():
                self.reached = event.seconds, 0
            case EpochStarted() if self.started is not None:
                self.reached = event.seconds, self.started.batches * (event.epoch - 1)
            case BatchDone():
                self.reached = event.seconds, event.batches * (event.epoch - 1) + event.batch
            case Evaluated() | EvaluationStarted() | Changed() | Refused():  # perhaps of an earlier iteration
                self.reached = event.seconds, max(self.reached[1], event.iteration)
            case EpochTrained() | Paused() | Resumed() | Stopping() | RunResumed():
                self.reached = event.seconds, event.iteration
            case Finished() | Failed():
                self.reached = event.seconds, event.iterations

    @property
    def events(self) -> Sequence[Event]:
        """The events that were applied so far from the log."""
        return self._log.events[: self._applied]

    @property
    def status(self) -> Status:
        if isinstance(self.closing, Finished):
            return self.closing.status
        if isinstance(self.closing, Failed):
            return "failed"
        if self.interrupted:
            return "interrupted"
        if self.paused:
            return "paused"
        if self.started is None:
            return "preparing"
        return "evaluating" if self.evaluating else "training"

    @property
    def interrupted(self) -> bool:
        """Whether the run ended without results and can be resumed: it was left, or its process is gone."""
        if isinstance(self.closing, Finished):
            return self.closing.status == "interrupted"
        return self.closing is None and self._log.interrupted

    @property
    def ended(self) -> bool:
        return self.closing is not None or self.interrupted

    @property
    def losses(self) -> NDArray[np.float32]:
        """The loss of every iteration so far, shape (n,), read-only; it grows between calls."""
        return self._log.loss_buffer.values()

    @property
    def evaluation(self) -> Evaluation | None:
        """The newest evaluation of the test images."""
        return self.evaluation_at(-1) if self.evaluations else None

    @property
    def accuracy(self) -> float | None:
        """Percent of the test images that were recognised in the newest evaluation."""
        return self.evaluations[-1].accuracy if self.evaluations else None

    def _told(self, evaluated: Evaluated) -> str:
        """Return the line of the log about an evaluation."""
        line = f"{evaluated.split.capitalize()} accuracy {self.when(evaluated)}: {evaluated.accuracy:.2f} %"
        line += f" ({evaluated.correct:,} of {evaluated.total:,})"
        if evaluated.views > 1:
            line += f" with {evaluated.views} views"
        return ", ".join([line, *self.measures(evaluated)])

    def when(self, evaluated: Evaluated) -> str:
        """Return when an evaluation happened: `after epoch 7`, or `after 6.7 epochs (iteration 2,108)`."""
        epochs = self._epochs(evaluated.iteration)
        if "." not in epochs:
            return f"after epoch {epochs}"
        return f"after {epochs} epochs (iteration {evaluated.iteration:,})"

    def _epochs(self, iterations: int) -> str:
        batches = self.started.batches if self.started else 1
        epochs, rest = divmod(iterations, batches)
        return f"{epochs:,}.{10 * rest // batches}" if rest else f"{epochs:,}"

    def measures(self, evaluated: Evaluated) -> list[str]:
        """Return what else an evaluation measured, each in a few words: one view, loss, training accuracy."""
        found = []
        if evaluated.views > 1:
            found.append(f"{evaluated.plain_accuracy:.2f} % with one view")
        if evaluated.loss is not None:
            found.append(f"{evaluated.split} loss {evaluated.loss:.4f}")
        trained = [each for each in self.trained if each.iteration == evaluated.iteration]
        if trained:
            found.append(f"training accuracy {trained[-1].accuracy:.2f} %")
        return found

    @property
    def planned(self) -> int:
        """Iterations of the whole run: those that were done, if one of its constants ended it early."""
        if isinstance(self.closing, Finished) and self.closing.reason:
            return self.closing.iterations
        return self.iterations

    @property
    def constants_now(self) -> dict[str, str | int | float | bool]:
        """Every constant by its name, as it is now; empty before the run has started."""
        changed: dict[str, int | float] = {change.name: change.after for change in self.changes}
        return {**self.started.config, **changed} if self.started else {}

    @property
    def epochs(self) -> int:
        """Epochs of the whole run, as they are planned now; 0 before the run has started."""
        changed = [int(change.after) for change in self.changes if change.name == "epochs"]
        return changed[-1] if changed else self.started.epochs if self.started else 0

    @property
    def iterations(self) -> int:
        """Iterations of the whole run, as `epochs`."""
        return self.epochs * self.started.batches if self.started else 0

    @property
    def joules(self) -> float | None:
        """The energy that the GPU has used so far, see `energy`."""
        return self.energy.joules if self.energy is not None else None

    @property
    def joules_per_thousand(self) -> float | None:
        """Joules per 1,000 images that were trained on. None if that is not known, or before the first."""
        if self.energy is None or self.energy.joules is None or self.started is None or not self.energy.iteration:
            return None
        return 1000 * self.energy.joules / self.started.images_in(self.energy.iteration)

    @property
    def planned_epochs(self) -> str:
        """Epochs of the whole run, as `planned`: `8`, or `6.7` if a constant ended it within an epoch."""
        return self._epochs(self.planned)

    @property
    def length(self) -> str:
        """`planned_epochs` in words: `1 epoch`, `8 epochs`."""
        return f"{self.planned_epochs} epoch{'s' * (self.planned_epochs != '1')}"

    @property
    def chosen(self) -> str:
        """`the best weights of epoch 6` if the result is not that of the last weights; else empty."""
        if not isinstance(self.closing, Finished) or not self.evaluations or not self.started:
            return ""
        last = self.evaluations[-1].iteration
        kept = self.started.config.get("keep_best") and last < self.closing.iterations
        return f"the best weights of epoch {self._epochs(last)}" if kept else ""

    @property
    def best(self) -> Evaluated | None:
        """The evaluation with the best accuracy from one view, of those while the network trained: the earliest.

        One that a person asked for does not count.
        """
        split = self.evaluations[0].split if self.evaluations else "test"
        measured = [each for each in self.evaluations if each.split == split and not each.asked]
        return max(measured, key=lambda each: each.plain_accuracy, default=None)

    def evaluation_at(self, index: int) -> Evaluation:
        """Return number `index` of `evaluations` with the class names."""
        return Evaluation(self.classes, self.evaluations[index].matrix)

    @property
    def classes(self) -> tuple[str, ...]:
        """The class names in the order of their indices; empty before the run has started."""
        return self.started.dataset.classes if self.started else ()


def told(change: Changed) -> str:
    """Return a change as a line: `Learning rate from 0.001 to 0.0003 after iteration 1,200`."""
    return f"{_label(change)} from {change.before:g} to {change.after:g} after iteration {change.iteration:,}"


def _label(event: Changed | Refused) -> str:
    return event.name.replace("_", " ").capitalize()


def told_branch(branch: BranchOf) -> str:
    """Return where the weights of a run come from: `brisk-heron after iteration 1,234, without its optimizer`."""
    optimizer = "" if branch.optimizer else ", without its optimizer"
    return f"{clean(branch.name)} after iteration {branch.iteration:,}{optimizer}"


def _where(event: RunStarted | RunResumed) -> str:
    several = f", {event.processes} processes" if event.processes > 1 else ""
    return f"{event.device.name}{several}"
