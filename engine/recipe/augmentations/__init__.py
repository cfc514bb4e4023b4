"""What is done to training images before the network sees them, by name: each module is one, its class `Augmentation`.

A new one is a new file here that keeps the contract `Augmentation` below. Users type names with hyphens, files have
underscores.
"""

from __future__ import annotations

import importlib
from typing import ClassVar, Protocol

from torch import Tensor


class Augmentation(Protocol):
    """Changes a batch of training images as numbers say that were drawn for the whole epoch."""

    mirrors: ClassVar[bool]
    """Whether a network sees mirror images."""

    shifts: ClassVar[bool]
    """Whether a network sees shifted images."""

    def draw(self, images: int, epoch: int, seed: int) -> tuple[Tensor, ...]:
        """Return the numbers of an epoch (from 0) on the processor, each (images, …): a row for each training image.

        They come from torch's global generator, the same count in every epoch, and from `seed`, the run's.
        """

    def __call__(self, batch: Tensor, *numbers: Tensor) -> Tensor:
        """Return `batch` (n, h, w, c), bytes or float32 from -1 to 1, changed by `numbers`, a row for each image.

        The result is new and contiguous, unless nothing is ever changed. It can be recorded as part of a CUDA graph.
        """


def build(name: str) -> Augmentation:
    """Return the augmentation `name`, which may be written with hyphens."""
    module = importlib.import_module(f"{__name__}.{name.replace('-', '_')}")
    augmentation: Augmentation = module.Augmentation()
    return augmentation
