"""How many training images are recognised while they are trained on, at almost no cost."""

from __future__ import annotations

import torch
from torch import Tensor


class Recognised:
    """Keeps the logits of an epoch, and compares them with the labels only when asked.

    Comparing a batch takes three operations, keeping its logits one: 2 µs of the 2,300 of an iteration.
    """

    def __init__(self, images: int, classes: int, device: torch.device) -> None:
        self.logits = torch.zeros(images, classes, device=device)
        """Of each image of the epoch, in its order, float32; written by the steps."""
        self._counted = 0

    def begin(self, images: int) -> None:
        """An epoch begins, whose first `images` images are left out."""
        self._counted = images

    def count(self, labels: Tensor, images: int) -> int:
        """Return how many of the images since the last count, up to number `images`, are recognised.

        `labels` (n,) are those of the whole epoch, in its order.
        """
        since, self._counted = self._counted, images
        predicted = self.logits[since:images].argmax(dim=1)
        return int((predicted == labels[since:images]).sum().item())
