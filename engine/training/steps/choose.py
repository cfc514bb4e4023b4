"""Which kind of steps a device gets, and what they have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.errors import chain
from engine.hardware.torch_errors import message
from engine.recipe.recipe import Recipe
from engine.training.resident import ResidentImages
from engine.training.steps.by_hand import Step
from engine.training.steps.eager import EagerSteps
from engine.training.steps.graphed import GraphedSteps


class Steps(Protocol):
    def epoch(self, order: Tensor, rates: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        """Train on the images in `order` (n,) int64, batch by batch; the first `done` batches are left out.

        `rates` (batches, groups) are the optimizer's in each batch. Yields the losses of the next batch, or of a few
        that run faster together, float32, when the device has finished them. The last batch may be smaller.
        """

    def change_rates(self, rates: Tensor) -> None:
        """Take other rates, as for `epoch`, for the batches of this epoch that were not yet yielded."""

    def recognised(self) -> int:
        """Return how many images were recognised in the batches of this epoch, each before it was learnt from.

        Only batches that were yielded count, and those that were counted before do not count again.
        """


def steps_on(
    images: ResidentImages,
    step: Step,
    model: nn.Module,
    recipe: Recipe,
    batch_size: int,
    classes: int,
    notice: Callable[[str], None],
) -> Steps:
    """Return recorded steps on a CUDA GPU, eager steps elsewhere or, after a `notice`, if recording fails.

    `step` trains on a batch. Raises `torch.OutOfMemoryError`, or an error that has it as its cause, if the GPU has too
    little memory.
    """
    if images.device.type == "cuda":
        try:
            return GraphedSteps(step, images, batch_size, model, recipe, classes)
        except RuntimeError as error:
            reason = _reason(error)
        notice(f"This training cannot be recorded as a CUDA graph, so it is slower: {reason}")
    return EagerSteps(step, images, batch_size, recipe, classes)


def _reason(error: RuntimeError) -> str:
    """Return why recording failed. Raises `error` if it is too little memory.

    Nothing may keep the error: the functions in its traceback hold the memory of a batch.
    """
    errors = chain(error)
    if any(isinstance(each, torch.OutOfMemoryError) for each in errors):
        raise error
    # What CUDA says at the end of a recording is only that something went wrong in it. The cause came first.
    return message(errors[-1])
