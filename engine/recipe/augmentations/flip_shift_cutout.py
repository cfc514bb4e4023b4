"""As `flip-shift`, and a grey square of 12×12 pixels covers a part of each image (DeVries and Taylor, 2017)."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data.imageset import IMAGE_SIZE
from engine.recipe.geometry import draw_mirrored, draw_shifts, moved

SIDE = 12
"""Pixels along each side of the square."""

GREY = 128
"""The middle of the bytes."""


class Augmentation:
    """The contract of `engine.recipe.augmentations.Augmentation`."""

    mirrors = True
    shifts = True

    def draw(self, images: int, epoch: int, seed: int) -> tuple[Tensor, ...]:
        centres = torch.randint(0, IMAGE_SIZE, (images, 2))
        return draw_mirrored(images, epoch, seed), draw_shifts(images), centres

    def __call__(self, batch: Tensor, *numbers: Tensor) -> Tensor:
        mirrored, shifts, centres = numbers
        images = moved(batch, mirrored, shifts)
        _, height, width, _ = images.shape
        rows, columns = _covered(centres[:, :1], height), _covered(centres[:, 1:], width)
        grey = GREY if images.dtype == torch.uint8 else (GREY / 255 - 0.5) / 0.5
        return images.masked_fill_((rows[:, :, None] & columns[:, None, :])[..., None], grey)


def _covered(centres: Tensor, size: int) -> Tensor:
    """Return which pixels of a line lie in the square around each of `centres` (n, 1), bool (n, size).

    A part of the square may lie outside.
    """
    distance = torch.arange(size, device=centres.device) - centres
    return (distance >= -(SIDE // 2)) & (distance < SIDE // 2)
