"""Precision, recall and F1 of each class, from a confusion matrix."""

from __future__ import annotations

from dataclasses import dataclass

from engine.record.evaluation import ConfusionMatrix


@dataclass(frozen=True)
class Scores:
    """The scores of one class in percent; None where there is nothing to divide by."""

    precision: float | None
    """TP / (TP + FP): of the images taken for this class, those that are of it. None if no image was."""
    recall: float | None
    """TP / (TP + FN): of the images of this class, those that were recognised. None if there are none."""
    f1: float | None
    """2 TP / (2 TP + FP + FN), the harmonic mean of both. None if no image is of this class or was taken for it."""


def scores(matrix: ConfusionMatrix) -> tuple[Scores, ...]:
    """Return the scores of each class, in the order of the rows of `matrix` (classes, classes)."""
    taken_for = [sum(column) for column in zip(*matrix, strict=True)]
    return tuple(
        Scores(_percent(row[i], taken), _percent(row[i], sum(row)), _percent(2 * row[i], taken + sum(row)))
        for i, (row, taken) in enumerate(zip(matrix, taken_for, strict=True))
    )


def _percent(part: int, whole: int) -> float | None:
    return 100 * part / whole if whole else None
