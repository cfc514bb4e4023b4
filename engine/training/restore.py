"""The state of a training between two iterations: taken for a checkpoint, and put back."""

from __future__ import annotations

import math

import torch
from torch import nn

from engine.recipe.optimizers import Optimizer
from engine.record.events import DeviceInfo
from engine.storage.checkpoint import Checkpoint, Position, Save, Snapshot
from engine.training.clock import Clock

KEPT_EVERY = 30.0
"""Seconds between two checkpoints: as much work as a crash can lose."""

KEPT_AFTER_EPOCH = 5.0
"""Seconds after which the end of an epoch is a reason for the next one. A GPU can have two epochs in one second, and
writing a checkpoint waits for the disk."""


class Checkpoints:
    """Takes the state of a run and hands it to `save`. Without `save` nothing is kept."""

    def __init__(
        self, save: Save | None, clock: Clock, model: nn.Module, optimizer: Optimizer, device: DeviceInfo
    ) -> None:
        self._save, self._clock = save, clock
        self._model, self._optimizer, self._device = model, optimizer, device
        self._kept_at = -math.inf
        self._random = torch.get_rng_state()

    def due(self, *, epoch_ends: bool = False) -> bool:
        """Whether enough was done since the last one."""
        return self._clock.seconds() - self._kept_at >= (KEPT_AFTER_EPOCH if epoch_ends else KEPT_EVERY)

    def epoch_begins(self) -> None:
        """Note the random generator's state. The epoch draws from it only once, at its start, to shuffle."""
        self._random = torch.get_rng_state()

    def keep(self, position: Position) -> None:
        if self._save is None:
            return
        self._save(
            Snapshot(
                position=position,
                model=self._model.state_dict(),
                optimizer=self._optimizer.state(),
                learning_rate=self._optimizer.rates[0].item(),
                random=self._random,
                device=self._device,
                train_seconds=self._clock.spent("training"),
                evaluation_seconds=self._clock.spent("evaluation"),
            )
        )
        self._kept_at = self._clock.seconds()


def restore(start: Checkpoint, model: nn.Module, optimizer: Optimizer) -> None:
    """Put back weights, optimizer, learning rate and random generator as they were when `start` was taken.

    Raises `RunFolderError` if the checkpoint does not fit the network.
    """
    model.load_state_dict(start.model(model.state_dict()))
    state, random = start.training(optimizer.state())
    optimizer.restore(state)
    if start.state.learning_rate is not None:
        # A copy from the processor is complete on return, so the next step on any CUDA stream reads the new value.
        optimizer.rates.copy_(torch.full_like(optimizer.rates, start.state.learning_rate, device="cpu"))
    torch.set_rng_state(random)
