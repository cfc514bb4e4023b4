"""Half of the images is mirrored, in the next epoch the other half."""

from __future__ import annotations

from torch import Tensor

from engine.recipe.geometry import draw_mirrored, moved


class Augmentation:
    """The contract of `engine.recipe.augmentations.Augmentation`."""

    mirrors = True
    shifts = False

    def draw(self, images: int, epoch: int, seed: int) -> tuple[Tensor, ...]:
        return (draw_mirrored(images, epoch, seed),)

    def __call__(self, batch: Tensor, *numbers: Tensor) -> Tensor:
        (mirrored,) = numbers
        return moved(batch, mirrored)
