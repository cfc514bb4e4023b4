"""What a network made of each image in one evaluation, and the images in the order in which a person asks for them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

Order = Literal["surely wrong", "barely wrong", "barely right", "surely right"]

ORDERS: tuple[Order, ...] = get_args(Order)
"""Mistakes with the largest loss first, mistakes with the smallest margin, recognised images with the smallest margin,
recognised images with the smallest loss."""

SMALLEST = 2.0**-25
"""The smallest probability that counts in a loss. Kept probabilities are float16: smaller ones are stored as 0."""


@dataclass(frozen=True, eq=False)
class Classified:
    """What a network made of n images in one evaluation."""

    classes: tuple[str, ...]
    labels: NDArray[np.int64]
    """The true class index of each image, shape (n,)."""
    predicted: NDArray[np.int64]
    """The predicted class index, shape (n,), as counted in the confusion matrix."""
    probabilities: NDArray[np.float32]
    """Shape (n, classes), from all views. Rounded to float16, so that the largest two can be equal."""

    def __len__(self) -> int:
        return len(self.labels)

    @cached_property
    def right(self) -> NDArray[np.bool_]:
        """Whether an image was recognised, shape (n,)."""
        return np.equal(self.labels, self.predicted)

    @cached_property
    def confidence(self) -> NDArray[np.float32]:
        """The probability of the predicted class, shape (n,)."""
        return self._of(self.predicted)

    @cached_property
    def losses(self) -> NDArray[np.float32]:
        """-log p[label] of each image, shape (n,); at most 17.3, see `SMALLEST`."""
        return -np.log(np.maximum(self._of(self.labels), np.float32(SMALLEST)))

    @cached_property
    def margin(self) -> NDArray[np.float32]:
        """How far an image is from being classified otherwise, shape (n,), 0 to 1.

        Of a recognised image: its probability less the largest of another class. Of a mistake: the probability of the
        predicted class less that of the true one.
        """
        others = self.probabilities.copy()
        others[np.arange(len(self)), self.predicted] = 0
        return self.confidence - np.where(self.right, others.max(axis=1, initial=0), self._of(self.labels))

    def _of(self, classes: NDArray[np.int64]) -> NDArray[np.float32]:
        """Return the probability of one class an image: `classes` has shape (n,)."""
        found: NDArray[np.float32] = self.probabilities[np.arange(len(self)), classes]
        return found


def chosen(
    classified: Classified, order: Order, true: int | None = None, predicted: int | None = None
) -> NDArray[np.int64]:
    """Return the indices of the images of `order`, shape (m,), those that matter most first.

    `true` and `predicted` restrict them to one class index. Images that are equal otherwise keep their own order.
    """
    wanted = classified.right if order.endswith("right") else ~classified.right
    if true is not None:
        wanted = wanted & (classified.labels == true)
    if predicted is not None:
        wanted = wanted & (classified.predicted == predicted)
    found = np.flatnonzero(wanted)
    losses, confidence = classified.losses[found], classified.confidence[found]
    match order:
        case "surely wrong":
            keys = -confidence, -losses
        case "surely right":
            keys = -confidence, losses
        case _:
            keys = confidence, classified.margin[found]
    return found[np.lexsort(keys)]
