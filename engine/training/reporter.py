"""The course of a run: counts, times and events, and what was asked of it. Nothing here computes."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.errors import TrainingError
from engine.hardware.versions import versions
from engine.record.evaluation import confusion_matrix
from engine.record.events import (
    BatchDone,
    DeviceInfo,
    EpochStarted,
    Evaluated,
    EvaluationStarted,
    Failed,
    Finished,
    Notice,
    Paused,
    Report,
    Resumed,
    RunStarted,
    Stopping,
    TakenUp,
)
from engine.storage.checkpoint import State

KEPT_EVERY = 30.0
"""Seconds of training between two checkpoints: what a run can lose with its machine."""

LINE_EVERY = 500
"""Batches between two lines of the notebook's log."""


class Course:
    """What the training loop tells and asks while it runs; everything goes to `report` and comes from `control`."""

    def __init__(
        self,
        config: TrainingConfig,
        images: ImageSet,
        report: Report,
        control: Control,
        seconds: Callable[[], float],
        start: State | None = None,
    ) -> None:
        """`start` is where a run that is taken up again goes on."""
        self._config, self._images, self._report, self._control = config, images, report, control
        self._seconds = seconds
        self.batches = math.ceil(len(images.train) / config.batch_size)
        self._epoch = start.position.epoch if start else 0
        self._train_seconds = start.train_seconds if start else 0.0
        self.evaluation_seconds = start.evaluation_seconds if start else 0.0
        self._paused_seconds = 0.0
        self._kept_at = -math.inf
        self._training_since: float | None = None
        self._told_stops = 0
        self.iteration = start.position.iteration if start else 0
        """Iterations done."""

    @property
    def stopping(self) -> bool:
        """Whether training is to end here; the evaluation and the saving still follow."""
        return self._control.stops > 0

    def started(self, parameters: int, device: DeviceInfo) -> None:
        self._report.event(
            RunStarted(
                seconds=self._seconds(),
                at=_now(),
                name=self._config.name,
                config=self._config.as_json(),
                dataset=self._images.info,
                device=device,
                versions=versions(),
                parameters=parameters,
                batches=self.batches,
                epochs=self._config.epochs,
            )
        )

    def taken_up(self, device: DeviceInfo) -> None:
        self._report.event(
            TakenUp(
                seconds=self._seconds(),
                at=_now(),
                epoch=self._epoch,
                iteration=self.iteration,
                device=device,
                versions=versions(),
            )
        )

    def epoch_started(self, epoch: int) -> None:
        self._epoch = epoch
        self._report.event(EpochStarted(seconds=self._seconds(), epoch=epoch))

    def goes_on(self, keep: Callable[[], None]) -> bool:
        """`keep` the run's state every 30 seconds and before a pause, and wait while it is paused; False once a stop
        was asked for."""
        paused = self._control.paused
        if paused or self._seconds() - self._kept_at >= KEPT_EVERY:
            keep()
            self._kept_at = self._seconds()
        if paused:
            self._wait_while_paused()
        self._tell_stops()
        return not self.stopping

    def evaluation_goes_on(self) -> bool:
        """Wait while the run is paused; False once a second stop was asked for: the first still wants results."""
        self._wait_while_paused()
        self._tell_stops()
        return self._control.stops < 2

    def _tell_stops(self) -> None:
        """Tell a new stop in an event, so that each watcher knows that it was taken."""
        stops = self._control.stops
        if stops > self._told_stops:
            self._told_stops = stops
            self._report.event(Stopping(seconds=self._seconds(), iteration=self.iteration, evaluates=stops < 2))

    def _wait_while_paused(self) -> None:
        if not self._control.paused:
            return
        began = self._seconds()
        self._report.event(Paused(seconds=began, iteration=self.iteration))
        self._control.wait_while_paused()
        self._report.event(Resumed(seconds=self._seconds(), iteration=self.iteration))
        self._paused_seconds += self._seconds() - began

    def batches_done(self, epoch: int, batch: int, losses: NDArray[np.float32]) -> None:
        """The batches of `epoch` up to number `batch` (from 1) are done, and these are the losses of the last ones."""
        diverged = np.flatnonzero(~np.isfinite(losses))
        if len(diverged):
            batch -= len(losses) - int(diverged[0]) - 1
            losses = losses[: diverged[0] + 1]
        first = batch - len(losses) + 1
        self.iteration += len(losses)
        self._report.losses(losses)
        for told in range(-(-first // LINE_EVERY) * LINE_EVERY, batch + 1 - bool(len(diverged)), LINE_EVERY):
            self._report.event(
                BatchDone(
                    seconds=self._seconds(),
                    epoch=epoch,
                    epochs=self._config.epochs,
                    batch=told,
                    batches=self.batches,
                    loss=float(losses[told - first]),
                )
            )
        if len(diverged):
            raise TrainingError(
                f"The loss became {losses[-1]} at iteration {self.iteration:,} (epoch {epoch}, batch {batch:,}):"
                f" training diverged. Try a smaller learning rate than {self._config.learning_rate:g}."
            )

    def notice(self, text: str) -> None:
        """Something that a person should know and that does not end the run."""
        self._report.event(Notice(seconds=self._seconds(), text=text))

    @property
    def train_seconds(self) -> float:
        """Time spent in training steps so far, without pauses and evaluations."""
        since = self._training_since
        return self._train_seconds + (0.0 if since is None else self._working_seconds() - since)

    @contextmanager
    def training(self) -> Iterator[None]:
        self._training_since = self._working_seconds()
        try:
            yield
        finally:
            self._train_seconds, self._training_since = self.train_seconds, None

    @contextmanager
    def evaluating(self, images: int) -> Iterator[Callable[[NDArray[np.int64], NDArray[np.int64]], None]]:
        began = self._working_seconds()
        epoch, iteration = self._epoch, self.iteration
        self._report.event(EvaluationStarted(seconds=self._seconds(), epoch=epoch, iteration=iteration, images=images))

        def evaluated(labels: NDArray[np.int64], predictions: NDArray[np.int64]) -> None:
            self._report.event(
                Evaluated(
                    seconds=self._seconds(),
                    duration=self._working_seconds() - began,
                    epoch=epoch,
                    iteration=iteration,
                    matrix=confusion_matrix(labels, predictions, len(self._images.classes)),
                )
            )

        try:
            yield evaluated
        finally:
            self.evaluation_seconds += self._working_seconds() - began

    def _working_seconds(self) -> float:
        return self._seconds() - self._paused_seconds

    def finished(self, *, evaluated: bool) -> None:
        complete = evaluated and self.iteration == self.batches * self._config.epochs
        self._report.event(
            Finished(
                seconds=self._seconds(),
                status="completed" if complete else "interrupted" if self._control.leaving else "stopped",
                iterations=self.iteration,
                train_seconds=self.train_seconds,
                evaluation_seconds=self.evaluation_seconds,
            )
        )

    def failed(self, failure: TrainingError) -> None:
        self._report.event(
            Failed(
                seconds=self._seconds(),
                reason=failure.message,
                iterations=self.iteration,
                train_seconds=self.train_seconds,
                evaluation_seconds=self.evaluation_seconds,
            )
        )


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
