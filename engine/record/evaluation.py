"""Predictions → confusion matrix → overall and per-class accuracy. Plain numbers, no torch."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

ConfusionMatrix = tuple[tuple[int, ...], ...]
"""Counts; rows are the true classes, columns the predicted ones."""


def confusion_matrix(labels: NDArray[np.int64], predictions: NDArray[np.int64], classes: int) -> ConfusionMatrix:
    """Count how often each class (row) was taken for each class (column).

    `labels` and `predictions` have shape (n,) and hold class indices from 0 to `classes` - 1.
    """
    import numpy as np

    counts = np.bincount(labels * classes + predictions, minlength=classes * classes).reshape(classes, classes)
    return tuple(tuple(row) for row in counts.tolist())


def correct(matrix: ConfusionMatrix) -> int:
    """Return how many images were recognised."""
    return sum(row[i] for i, row in enumerate(matrix))


def total(matrix: ConfusionMatrix) -> int:
    """Return how many images were classified."""
    return sum(map(sum, matrix))


def percent(part: int, whole: int) -> float:
    """Return `part` of `whole` in percent; 0 if `whole` is 0."""
    return 100 * part / whole if whole else 0.0


@dataclass(frozen=True)
class ClassAccuracy:
    """The result of one class."""

    name: str
    correct: int
    total: int

    @property
    def accuracy(self) -> float:
        """Percent of this class's images that were recognised."""
        return percent(self.correct, self.total)


@dataclass(frozen=True)
class Confusion:
    """One class taken for another, `count` times."""

    true: str
    predicted: str
    count: int
    indices: tuple[int, int]
    """The class indices of both."""


@dataclass(frozen=True)
class Evaluation:
    """A confusion matrix with its class names, and the results that follow from it."""

    classes: tuple[str, ...]
    matrix: ConfusionMatrix

    @property
    def correct(self) -> int:
        return correct(self.matrix)

    @property
    def total(self) -> int:
        return total(self.matrix)

    @property
    def accuracy(self) -> float:
        """Percent of all test images that were recognised."""
        return percent(self.correct, self.total)

    @property
    def per_class(self) -> tuple[ClassAccuracy, ...]:
        """One entry per class, in the order of `classes`."""
        return tuple(
            ClassAccuracy(name, row[i], sum(row))
            for i, (name, row) in enumerate(zip(self.classes, self.matrix, strict=True))
        )

    def most_confused(self, at_most: int) -> tuple[Confusion, ...]:
        """Return the most frequent mistakes, the most frequent first. Pairs that never occurred are left out."""
        mistakes = [
            Confusion(self.classes[i], self.classes[j], count, (i, j))
            for i, row in enumerate(self.matrix)
            for j, count in enumerate(row)
            if i != j and count
        ]
        return tuple(sorted(mistakes, key=lambda mistake: -mistake.count)[:at_most])
