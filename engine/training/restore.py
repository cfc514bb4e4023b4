"""The state of a training between two iterations: taken for a checkpoint, and put back."""

from __future__ import annotations

import math

import torch
from torch import nn

from engine.recipe.recipe import Recipe
from engine.record.changes import Change
from engine.record.events import DeviceInfo
from engine.storage.checkpoint import Checkpoint, Position, Save, Snapshot
from engine.training.best import Best
from engine.training.clock import Clock

KEPT_EVERY = 30.0
"""Seconds between two checkpoints: as much work as a crash can lose."""

KEPT_AFTER_EPOCH = 5.0
"""Seconds after which the end of an epoch is a reason for the next one. A GPU can have two epochs in one second, and
writing a checkpoint waits for the disk."""


class Checkpoints:
    """Takes the state of a run and hands it to `save`. Without `save` nothing is kept."""

    def __init__(
        self, save: Save | None, clock: Clock, model: nn.Module, recipe: Recipe, best: Best, device: DeviceInfo
    ) -> None:
        self._save, self._clock = save, clock
        self._model, self._recipe, self._best, self._device = model, recipe, best, device
        self._kept_at, self._kept, self._is_saved = -math.inf, -1, False
        self._random = torch.get_rng_state()

    def due(self, *, epoch_ends: bool = False) -> bool:
        """Whether enough was done since the last one; never if nothing is kept."""
        if self._save is None:
            return False
        return self._clock.seconds() - self._kept_at >= (KEPT_AFTER_EPOCH if epoch_ends else KEPT_EVERY)

    def epoch_begins(self) -> None:
        """Note the random generator's state. The epoch draws from it only at its start."""
        self._random = torch.get_rng_state()

    def is_kept(self, iteration: int) -> bool:
        """Whether the newest checkpoint is that of `iteration`, and on disk."""
        return self._kept == iteration and self._is_saved

    def keep(self, position: Position, recognised: int | None, changes: tuple[Change, ...]) -> None:
        """Save the state at `position`. `recognised` and `changes` are as in a snapshot."""
        if self._save is None or position.iteration == self._kept:
            return
        self._is_saved = False is not self._save(
            Snapshot(
                position=position,
                model=self._model.state_dict(),
                training={**self._recipe.state(), **self._best.state()},
                changes=changes,
                recognised=recognised,
                progress=self._best.progress,
                random=self._random,
                device=self._device,
                train_seconds=self._clock.spent("training"),
                evaluation_seconds=self._clock.spent("evaluation"),
            )
        )
        self._kept_at, self._kept = self._clock.seconds(), position.iteration


def begin_with(origin: Checkpoint, model: nn.Module, recipe: Recipe) -> bool:
    """Give `model` the weights of another run, and `recipe` the state of its optimizer and average where they fit.

    Return whether the optimizer's state was taken. Raises `RunFolderError` if the weights are of another network.
    """
    network = origin.model(model.state_dict())
    model.load_state_dict(network)
    return recipe.begin_with(origin.fitting(recipe.state(), network))


def restore(start: Checkpoint, model: nn.Module, recipe: Recipe, best: Best) -> None:
    """Put back weights, optimizer and random generator as they were when `start` was taken.

    Raises `RunFolderError` if the checkpoint does not fit the network.
    """
    network = start.model(model.state_dict())
    progress = start.state.progress
    weights = best.expected(progress, network)
    state, random = start.training({**recipe.state(), **weights})
    model.load_state_dict(network)
    recipe.restore(state)
    best.restore(progress, state)
    torch.set_rng_state(random)
