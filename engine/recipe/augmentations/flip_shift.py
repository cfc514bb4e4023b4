"""Half of the images is mirrored, in the next epoch the other half; each is shifted by up to 2 pixels."""

from __future__ import annotations

from torch import Tensor

from engine.recipe.geometry import draw_mirrored, draw_shifts, moved


class Augmentation:
    """The contract of `engine.recipe.augmentations.Augmentation`."""

    mirrors = True
    shifts = True

    def draw(self, images: int, epoch: int, seed: int) -> tuple[Tensor, ...]:
        return draw_mirrored(images, epoch, seed), draw_shifts(images)

    def __call__(self, batch: Tensor, *numbers: Tensor) -> Tensor:
        mirrored, shifts = numbers
        return moved(batch, mirrored, shifts)
