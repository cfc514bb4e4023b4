"""Whether a device computes what the processor computes: tried on one batch before a training."""

from __future__ import annotations

from collections.abc import Callable
from copy import deepcopy

import torch
from torch import Tensor, nn

from engine.config import TrainingConfig
from engine.recipe.recipe import Recipe
from engine.training.resident import ResidentImages

_STEPS, _APART = 6, 0.05
"""Steps on one batch, and how far a loss may be from the processor's.

If the weights of the notebook's network do not move, the sixth loss is 0.18 away, those of other networks much more.
Last digits make 0.01 of it at most, bfloat16 included.
"""

StepOf = Callable[[nn.Module, Recipe, str, Tensor, Tensor], tuple[Tensor, Tensor]]


def unlike_the_processor(step_of: StepOf, model: nn.Module, config: TrainingConfig, images: ResidentImages) -> str:
    """Return a sentence if a few steps on a batch of `images` have other losses than on the processor; else nothing.

    For Apple's GPUs. There the parts of a tensor that an optimizer works on are copied out and back before macOS 15,
    and nobody has tried all releases. `step_of` is `engine.training.loop.train_on_batch`. Nothing changes.
    """
    inputs, labels = images.batch(slice(0, min(config.batch_size, 64)))

    def losses(device: torch.device) -> list[float]:
        copy = deepcopy(model).to(device)
        recipe = Recipe(copy, config)
        batch = inputs.to(device), labels.to(device)
        return [step_of(copy, recipe, config.precision, *batch)[0].item() for _ in range(_STEPS)]

    found, expected = losses(images.device), losses(torch.device("cpu"))
    if all(abs(a - b) <= _APART for a, b in zip(found, expected, strict=True)):  # False for NaN
        return ""
    return (
        f"After {_STEPS - 1} steps on one batch {images.device} has the loss {found[-1]:.4f}, the processor"
        f" {expected[-1]:.4f}. Results may be wrong; --device cpu is safe."
    )
