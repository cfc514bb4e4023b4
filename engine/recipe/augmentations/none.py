"""The images as they are."""

from __future__ import annotations

from torch import Tensor


class Augmentation:
    """The contract of `engine.recipe.augmentations.Augmentation`."""

    mirrors = False
    shifts = False

    def draw(self, images: int, epoch: int, seed: int) -> tuple[Tensor, ...]:
        return ()

    def __call__(self, batch: Tensor, *numbers: Tensor) -> Tensor:
        return batch
