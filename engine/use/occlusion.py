"""Where a network looks: what its probability of a class loses when a part of the image is hidden.

Zeiler and Fergus, "Visualizing and Understanding Convolutional Networks" (2014), section 4.2.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.data.imageset import IMAGE_SIZE
from engine.training.resident import normalized

PATCH = 4
"""Pixels along each side of a part that is hidden."""

PATCHES = IMAGE_SIZE // PATCH

GREY = 0.0
"""Of pixels from -1 to 1."""


class Looks:
    """A network that tells where it looks. Not thread-safe."""

    def __init__(self, network: nn.Module) -> None:
        """`network` is on the processor, in evaluation mode."""
        self._network = network

    @torch.no_grad()
    def map(self, image: NDArray[np.uint8], of_class: int) -> NDArray[np.float32]:
        """Return the probability of class `of_class` that `image` (32, 32, 3) loses where it is hidden, shape (8, 8).

        Each 4×4 patch is grey once. Negative where the image is taken for that class more surely without the patch.
        """
        pixels = normalized(torch.from_numpy(np.ascontiguousarray(image))).permute(2, 0, 1)
        batch = pixels.repeat(1 + PATCHES**2, 1, 1, 1)
        for patch in range(PATCHES**2):
            row, column = PATCH * (patch // PATCHES), PATCH * (patch % PATCHES)
            batch[1 + patch, :, row : row + PATCH, column : column + PATCH] = GREY
        # A batch that wants gradients is left to torch: the compiled convolutions are first compared with torch's, and
        # that takes ten times as long as all of this.
        probabilities = self._network(batch.requires_grad_()).float().softmax(dim=1)[:, of_class]
        lost: NDArray[np.float32] = (probabilities[0] - probabilities[1:]).reshape(PATCHES, PATCHES).numpy()
        return lost
