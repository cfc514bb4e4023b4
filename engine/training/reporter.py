"""What a run adds to the notebook's loop: it reports, counts, waits in pauses, stops, and keeps checkpoints."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.errors import TrainingError
from engine.hardware import device as devices
from engine.hardware.versions import versions
from engine.recipe.optimizers import Optimizer
from engine.record.evaluation import confusion_matrix
from engine.record.events import (
    BatchDone,
    EpochStarted,
    Evaluated,
    EvaluationStarted,
    Failed,
    Finished,
    Notice,
    Report,
    RunResumed,
    RunStarted,
)
from engine.storage.checkpoint import Checkpoint, Position, Save
from engine.text import clean
from engine.training.clock import Clock
from engine.training.gate import Gate
from engine.training.restore import Checkpoints, restore
from engine.training.shape import count_parameters
from engine.training.steps.by_hand import order_of_sums

LINE_EVERY = 500
"""Batches between two lines of the notebook's log."""


class Reporter:
    """The loop's only link to the rest of the program. Nothing here computes."""

    def __init__(
        self,
        config: TrainingConfig,
        images: ImageSet,
        report: Report,
        control: Control,
        clock: Clock,
        *,
        save: Save | None = None,
        start: Checkpoint | None = None,
    ) -> None:
        """`start` is the checkpoint that a resumed run goes on from."""
        self._config, self._images, self._report, self._clock, self._start = config, images, report, clock, start
        self._gate = Gate(control, report, clock)
        self._save = save
        self._batches = math.ceil(len(images.train) / config.batch_size)
        position = start.state.position if start else Position(epoch=1, batch=0, iteration=0)
        self._epoch, self.batch, self._iteration = position.epoch, position.batch, position.iteration
        """`batch` counts the batches of this epoch that are done, `_iteration` those of the whole run."""
        self._evaluated_at = -1
        self._has_results = False

    def begin(self, model: nn.Module, optimizer: Optimizer, device: torch.device) -> None:
        """Report the start of the run. A resumed run is put back to its checkpoint first."""
        described = devices.describe(device, order_of_sums(self._config, device))
        self._checkpoints = Checkpoints(self._save, self._clock, model, optimizer, described)
        if self._start is not None:
            restore(self._start, model, optimizer)
            self._report.event(
                RunResumed(
                    seconds=self._clock.seconds(),
                    at=_now(),
                    epoch=self._epoch,
                    iteration=self._iteration,
                    device=described,
                    versions=versions(),
                )
            )
            before = self._start.state.origin.device.sums
            if before and described.sums and before != described.sums:
                self.notice(
                    "The run began with sums in another order, so from here on its last digits may differ."
                    f" There: {clean(before)}. Here: {described.sums}."
                )
            return
        self._report.event(
            RunStarted(
                seconds=self._clock.seconds(),
                at=_now(),
                name=self._config.name,
                config=self._config.as_json(),
                dataset=self._images.info,
                device=described,
                versions=versions(),
                parameters=count_parameters(model),
                batches=self._batches,
                epochs=self._config.epochs,
            )
        )

    def epochs(self) -> Iterator[int]:
        """The epochs that remain, from 1; none after a stop."""
        for epoch in range(self._epoch, self._config.epochs + 1):
            self._epoch = epoch
            self._checkpoints.epoch_begins()
            if not self.goes_on():
                return
            if self.batch == 0:
                self._report.event(EpochStarted(seconds=self._clock.seconds(), epoch=self._epoch))
            yield epoch
            self.batch = 0

    @contextmanager
    def training(self) -> Iterator[None]:
        """Count the time of an epoch's training. Keep a checkpoint at its end, unless another one is as good."""
        with self._clock.counting("training"):
            yield
        if self.stopping or self._epoch == self._config.epochs or self._checkpoints.due(epoch_ends=True):
            self._keep()

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
                    epochs=self._config.epochs,
                    batch=batch,
                    batches=self._batches,
                    loss=float(losses[batch - before - 1]),
                )
            )
        if len(diverged):
            raise TrainingError(
                f"The loss became {losses[-1]} at iteration {self._iteration:,} (epoch {self._epoch},"
                f" batch {self.batch:,}): training diverged."
                f" Try a smaller learning rate than {self._config.learning_rate:g}."
            )

    def goes_on(self) -> bool:
        """Keep a checkpoint every 30 seconds and before a pause, and wait while the run is paused. False after a
        stop."""
        if self._gate.paused or self._checkpoints.due():
            self._keep()
        return self._gate.lets_train(self._iteration)

    @property
    def stopping(self) -> bool:
        """Whether the training ends here. Evaluation and saving still follow."""
        return self._gate.stopping

    @contextmanager
    def evaluating(self) -> Iterator[None]:
        """Report the start of an evaluation, and count its time."""
        self._report.event(
            EvaluationStarted(
                seconds=self._clock.seconds(),
                epoch=self._epoch,
                iteration=self._iteration,
                images=len(self._images.test),
            )
        )
        with self._clock.counting("evaluation"):
            yield

    def evaluation_goes_on(self) -> bool:
        """Wait while the run is paused. False after a second stop."""
        return self._gate.lets_evaluate(self._iteration)

    def evaluated(self, predictions: NDArray[np.int64] | None) -> None:
        """Report what the evaluation found: the class index of each test image; None if it was left out."""
        self._evaluated_at, self._has_results = self._iteration, predictions is not None
        if predictions is None:
            return
        self._report.event(
            Evaluated(
                seconds=self._clock.seconds(),
                duration=self._clock.lap,
                epoch=self._epoch,
                iteration=self._iteration,
                matrix=confusion_matrix(self._images.test.labels, predictions, len(self._images.classes)),
            )
        )

    @property
    def is_evaluated(self) -> bool:
        """Whether the network as it is now was evaluated."""
        return self._evaluated_at == self._iteration

    def notice(self, text: str) -> None:
        """Report something that a person should know and that does not end the run."""
        self._report.event(Notice(seconds=self._clock.seconds(), text=text))

    def finished(self) -> None:
        complete = self._has_results and self._iteration == self._batches * self._config.epochs
        self._report.event(
            Finished(
                seconds=self._clock.seconds(),
                status="completed" if complete else "interrupted" if self._gate.leaving else "stopped",
                iterations=self._iteration,
                train_seconds=self._clock.spent("training"),
                evaluation_seconds=self._clock.spent("evaluation"),
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
        self._checkpoints.keep(Position(self._epoch, self.batch, self._iteration))


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
