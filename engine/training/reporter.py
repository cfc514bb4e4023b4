"""What a run adds to the notebook's loop: it reports, counts, waits in pauses, stops, and keeps checkpoints."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.config import TrainingConfig
from engine.control import Control, EvaluateNow, SaveNow, Set, Wish
from engine.errors import TrainingError
from engine.hardware import device as devices
from engine.recipe.recipe import Recipe
from engine.record.changes import Change
from engine.record.classified import Classified
from engine.record.evaluation import confusion_matrix, percent
from engine.record.events import (
    BatchDone,
    EpochStarted,
    EpochTrained,
    Evaluated,
    EvaluationStarted,
    Event,
    Failed,
    Finished,
    Notice,
    Report,
    SplitName,
)
from engine.record.metrics.calibration import calibration
from engine.storage.checkpoint import Checkpoint, Position, Save, SaveBest
from engine.storage.predictions import Keep
from engine.text import counted
from engine.training.beginning import begin_branch, beginning, may_have_seen, resumption
from engine.training.best import Best
from engine.training.clock import Clock
from engine.training.gate import Gate
from engine.training.predict import Predictions
from engine.training.restore import Checkpoints, restore
from engine.training.steering import Note, Steering
from engine.training.steps.by_hand import order_of_sums
from engine.training.validation import Splits

LINE_EVERY = 500
"""Batches between two lines of the notebook's log."""


class Reporter:
    """The loop's only link to the rest of the program. Nothing here computes."""

    def __init__(
        self,
        config: TrainingConfig,
        images: Splits,
        report: Report,
        control: Control,
        clock: Clock,
        *,
        save: Save | None = None,
        save_best: SaveBest | None = None,
        keep: Keep | None = None,
        note: Note | None = None,
        start: Checkpoint | None = None,
        changes: Sequence[Change] = (),
        origin: Checkpoint | None = None,
    ) -> None:
        """`start` is the checkpoint that a resumed run goes on from, `changes` all changes of its constants.

        `origin` is the checkpoint of another run that a new one begins with.
        """
        self._config, self._images, self._report, self._clock, self._start = config, images, report, clock, start
        self._origin = origin
        self._control, self._gate = control, Gate(control, report, clock)
        reported = start.state.changes if start else ()
        self._steering = Steering(config, report, clock, note, changes, reported)
        self._save, self._save_best, self._keep_predictions = save, save_best, keep
        self.best = Best(config)
        self._batches = math.ceil(len(images.train) / config.batch_size)
        position = start.state.position if start else Position(epoch=1, batch=0, iteration=0)
        self._epoch, self.batch, self._iteration = position.epoch, position.batch, position.iteration
        """`batch` counts the batches of this epoch that are done, `_iteration` those of the whole run."""
        self._recognised = start.state.recognised if start else 0
        """Training images of this epoch that were recognised; None once they are told, or if they are not known."""
        self._newly_recognised: Callable[[], int] = lambda: 0
        """Counts those since it was last called."""
        self._evaluate_now: Callable[[], object] = lambda: None
        self._is_asked = False
        """Whether a person asked for the evaluation that goes on."""
        self._measured_at = -1
        """The iteration of the weights that were last measured for an epoch; -1 before."""
        self._result_of = -1
        """The iteration of the weights that were evaluated as the run's result; -1 before."""
        self._has_results = self._is_over = False
        self._ended = ""
        """Why the run ends before its last epoch, if one of its constants says so."""

    def begin(self, model: nn.Module, recipe: Recipe, device: torch.device, evaluate_now: Callable[[], object]) -> None:
        """Report the start of the run. A resumed run is put back to its checkpoint first.

        `evaluate_now` evaluates the network between two iterations, when a person asks for it.
        """
        self._evaluate_now = evaluate_now
        described = devices.describe(device, order_of_sums(self._config, device))
        self._checkpoints = Checkpoints(self._save, self._clock, model, recipe, self.best, described)
        self._steering.steer(recipe)
        if self._start is not None:
            restore(self._start, model, recipe, self.best)
            self._keep_best()
            self._tell(resumption(self._start, self._config, described, self._clock.seconds()))
            return
        branch = begin_branch(self._origin, model, recipe) if self._origin else None
        self._tell(beginning(self._config, self._images, described, model, branch, self._clock.seconds()))
        if self._origin is not None and may_have_seen(self._origin, self._config, self._images):
            self.notice("The network may have been trained before on images that are held out here for validation.")

    def _tell(self, events: Iterable[Event]) -> None:
        for event in events:
            self._report.event(event)

    def epochs(self) -> Iterator[int]:
        """The epochs that remain, from 1; none after a stop."""
        while True:
            self._checkpoints.epoch_begins()
            self._carry_out()  # during the last evaluation more epochs may have been asked for
            if self._epoch > self.planned:
                return
            if not self.goes_on():
                self._tell_trained()  # if this run was resumed within an epoch
                return
            if self.batch == 0:
                self._report.event(EpochStarted(seconds=self._clock.seconds(), epoch=self._epoch))
            yield self._epoch
            is_measured = self._measured_at == self._iteration or not self._config.evaluate_each_epoch
            if self.batch < self._batches or not is_measured:
                return
            self._epoch, self.batch, self._recognised = self._epoch + 1, 0, 0

    @contextmanager
    def training(self, newly_recognised: Callable[[], int]) -> Iterator[None]:
        """Count the time of an epoch's training. Keep a checkpoint at its end, unless another one is as good.

        `newly_recognised` returns how many training images were recognised since it was last called.
        """
        self._newly_recognised = newly_recognised
        with self._clock.counting("training"):
            yield
        if self.stopping or self._epoch == self.planned or self._checkpoints.due(epoch_ends=True):
            self._keep()
        self._count_recognised()
        self._newly_recognised = lambda: 0
        self._tell_trained()

    def _count_recognised(self) -> None:
        count = self._newly_recognised()
        if self._recognised is not None:
            self._recognised += count

    def _tell_trained(self) -> None:
        """Report how much of this epoch's training images was recognised, once."""
        if self.batch and self._recognised is not None:
            self._report.event(
                EpochTrained(
                    seconds=self._clock.seconds(),
                    epoch=self._epoch,
                    iteration=self._iteration,
                    correct=self._recognised,
                    total=min(self.batch * self._config.batch_size, len(self._images.train)),
                )
            )
            self._recognised = None

    def trained(self, losses: NDArray[np.float32]) -> None:
        """Report the losses of the next batches. Raises `TrainingError` if one of them is not finite."""
        diverged = np.flatnonzero(~np.isfinite(losses))
        if len(diverged):
            losses = losses[: diverged[0] + 1]
        before = self.batch
        self.batch += len(losses)
        self._iteration += len(losses)
        self._report.losses(losses)
        for batch in range(before + LINE_EVERY - before % LINE_EVERY, self.batch + 1 - bool(len(diverged)), LINE_EVERY):
            self._report.event(
                BatchDone(
                    seconds=self._clock.seconds(),
                    epoch=self._epoch,
                    epochs=self.planned,
                    batch=batch,
                    batches=self._batches,
                    loss=float(losses[batch - before - 1]),
                )
            )
        if len(diverged):
            raise TrainingError(
                f"The loss became {losses[-1]} at iteration {self._iteration:,} (epoch {self._epoch},"
                f" batch {self.batch:,}): training diverged."
                f" Try a smaller learning rate than {self._steering.value('learning_rate', self._iteration):g}."
            )

    def goes_on(self) -> bool:
        """Keep a checkpoint every 30 seconds and before a pause, and wait while the run is paused. False after a
        stop, or when a constant ends the run. What is asked for in between is carried out here."""
        self._carry_out()
        if self._gate.paused or self._checkpoints.due():
            self._keep()
        self._ended = self._why_it_ends()
        return self._gate.lets_train(self._iteration, self._carry_out) and not self._ended

    def _carry_out(self) -> None:
        """Carry out what was asked for; after a stop there is nothing to steer any more."""
        self._steering.meet(self._iteration)
        for request in () if self._gate.stopping else self._control.take():
            match request:
                case Set():
                    self._steering.set(request, self._iteration, self._iteration / self._batches)
                case EvaluateNow():
                    self._evaluate_on_request()
                case SaveNow():
                    self._keep()
                    if self._checkpoints.is_kept(self._iteration):
                        self.notice(f"A checkpoint was saved after iteration {self._iteration:,}.")

    def _evaluate_on_request(self) -> None:
        is_due = self.batch == self._batches and self._config.evaluate_each_epoch
        if self._measured_at == self._iteration:
            self.notice(f"The network was evaluated already after iteration {self._iteration:,}.")
        elif not is_due:  # else the evaluation of the epoch follows
            self._is_asked = True
            self._evaluate_now()
            self._is_asked = False
            self._keep()  # so that a run which is resumed still has it

    @property
    def planned(self) -> int:
        """Epochs of the whole run, as they are planned now."""
        return int(self._steering.value("epochs", self._iteration))

    def _why_it_ends(self) -> str:
        """Return why a constant ends the run here, before its last iteration; nothing if none does."""
        limit, patience = self._config.time_limit, self._config.patience
        if limit and self._clock.spent("training") + self._clock.spent("evaluation") >= limit and not self._all_done:
            return f"the time limit of {limit:g} s is over"
        if self.best.is_over and not self._all_done:
            return f"no better accuracy in {counted(patience, 'epoch')}"
        return ""

    @property
    def _all_done(self) -> bool:
        return self._iteration >= self._batches * self.planned

    @property
    def stopping(self) -> bool:
        """Whether the training ends here. Evaluation and saving still follow."""
        return self._gate.stopping or bool(self._ended)

    @contextmanager
    def evaluating(self, split: SplitName, images: int) -> Iterator[None]:
        """Report the start of an evaluation of so many images, and count its time."""
        epoch, iteration = self._evaluated_position
        self._report.event(
            EvaluationStarted(
                seconds=self._clock.seconds(), epoch=epoch, iteration=iteration, images=images, split=split
            )
        )
        with self._clock.counting("evaluation"):
            yield

    def evaluation_goes_on(self) -> bool:
        """Wait while the run is paused, unless it was asked for in the pause. False after a second stop."""
        return self._gate.lets_evaluate(self._iteration, waits=not self._is_asked)

    def evaluated(self, found: Predictions | None, split: SplitName, views: int, model: nn.Module) -> None:
        """Report what an evaluation of `model` found; None if it was left out.

        While the network trains this also says whether it has become better.
        """
        epoch, iteration = self._evaluated_position
        if split == "test" and views == self._config.test_views:
            self._result_of, self._has_results = iteration, found is not None
        if found is None:
            return
        labels = (self._images.test if split == "test" else self._images.measured).labels
        plain_correct = int(np.count_nonzero(found.plain == labels))
        classified = Classified(self._images.classes, labels, found.classes, found.probabilities)
        is_finite = math.isfinite(found.loss)
        keep = self._keep_predictions
        self._report.event(
            Evaluated(
                seconds=self._clock.seconds(),
                duration=self._clock.lap,
                epoch=epoch,
                iteration=iteration,
                matrix=confusion_matrix(labels, found.classes, len(self._images.classes)),
                split=split,
                views=views,
                plain_correct=plain_correct,
                loss=found.loss if is_finite else None,
                calibration_error=calibration(classified).error if is_finite else None,
                predictions=keep(split, iteration, classified) if keep is not None else None,
                asked=self._is_asked,
            )
        )
        if not self._is_over and not self._is_asked:
            self._measured_at = iteration
            if self.best.measured(percent(plain_correct, len(labels)), epoch, iteration, model):
                self._keep_best()

    def ends(self) -> None:
        """No training follows; the weights that are evaluated from here on are the result."""
        self._is_over = True
        for request in self._control.take():
            self._tell_too_late(request)
        self._keep()
        self._keep_best()  # once more, if the disk failed
        if self._ended:
            self.notice(f"The training ends after iteration {self._iteration:,}: {self._ended}.")

    def _tell_too_late(self, request: Wish) -> None:
        match request:
            case Set():
                self._steering.refuse(request, self._iteration, f"the training was over before {request.value:g} came")
            case EvaluateNow():
                self.notice("An evaluation was asked for when the training was over.")
            case SaveNow():
                self.notice("A checkpoint was asked for when the training was over; the last one is saved.")

    @property
    def _evaluated_position(self) -> tuple[int, int]:
        """Epoch and iteration of the weights that are evaluated: those of now, or the best at the end."""
        if self._is_over and self.best.weights:
            return self.best.progress.epoch, self.best.progress.iteration
        return max(1, -(-self._iteration // self._batches)), self._iteration

    @property
    def is_evaluated(self) -> bool:
        """Whether the weights as they are at the end were evaluated as the result of the run."""
        return self._result_of == self._evaluated_position[1]

    def notice(self, text: str) -> None:
        """Report something that a person should know and that does not end the run."""
        self._report.event(Notice(seconds=self._clock.seconds(), text=text))

    def finished(self) -> None:
        complete = self._has_results and (self._all_done or bool(self._ended))
        self._report.event(
            Finished(
                seconds=self._clock.seconds(),
                status="completed" if complete else "interrupted" if self._gate.leaving else "stopped",
                iterations=self._iteration,
                train_seconds=self._clock.spent("training"),
                evaluation_seconds=self._clock.spent("evaluation"),
                reason=self._ended,
            )
        )

    def failed(self, failure: TrainingError) -> None:
        self._report.event(
            Failed(
                seconds=self._clock.seconds(),
                reason=failure.message,
                iterations=self._iteration,
                train_seconds=self._clock.spent("training"),
                evaluation_seconds=self._clock.spent("evaluation"),
            )
        )

    def _keep(self) -> None:
        self._count_recognised()
        position = Position(self._epoch, self.batch, self._iteration)
        self._checkpoints.keep(position, self._recognised, self._steering.reported)

    def _keep_best(self) -> None:
        if self.best.weights and self._save_best is not None:
            self._save_best(self.best.progress, self.best.weights)
