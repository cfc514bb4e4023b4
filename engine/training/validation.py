"""Training images that are held out, to measure a network on while it trains."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.data.imageset import ImageSet, Split
from engine.errors import ConstantError
from engine.record.events import DatasetInfo, SplitName
from engine.text import clean, counted


@dataclass(frozen=True)
class Splits:
    """The images of a run: those it trains on, those held out (None without validation), and the test images."""

    info: DatasetInfo
    """The images before any were held out."""
    train: Split
    validation: Split | None
    test: Split

    @property
    def classes(self) -> tuple[str, ...]:
        return self.info.classes

    @property
    def measured(self) -> Split:
        """The images that a network is evaluated on while it trains."""
        return self.test if self.validation is None else self.validation

    @property
    def measured_name(self) -> SplitName:
        return "test" if self.validation is None else "validation"


def hold_out(images: ImageSet, validation: int, seed: int) -> Splits:
    """Hold out `validation` of the training images, of every class its share, drawn by `seed`.

    The images that remain keep their order. Raises `ConstantError` as `shares` does.
    """
    train = images.train
    if not validation:
        return Splits(images.info, train, None, images.test)
    is_held = held_out(train.labels, images.classes, validation, seed)
    return Splits(images.info, _part(train, ~is_held), _part(train, is_held), images.test)


def held_out(labels: NDArray[np.int64], classes: Sequence[str], validation: int, seed: int) -> NDArray[np.bool_]:
    """Return which of the training images are held out: `labels` and the result have shape (n,).

    Raises `ConstantError` as `shares` does.
    """
    counts = np.bincount(labels, minlength=len(classes))
    random = np.random.default_rng(seed)
    is_held = np.zeros(len(labels), dtype=bool)
    for label, share in enumerate(shares(counts.tolist(), validation, classes)):
        is_held[random.permutation(np.flatnonzero(labels == label))[:share]] = True
    return is_held


def shares(counts: Sequence[int], validation: int, classes: Sequence[str]) -> list[int]:
    """Return how many images of each class are held out, of the `counts` that are there.

    Parts of images are rounded so that the sum is `validation`, the largest remainders up. Raises `ConstantError` if
    there are too few images, or if a class would have none to train on or none to validate on.
    """
    total = sum(counts)
    if validation >= total:
        raise ConstantError(
            {"validation": f"there are only {counted(total, 'training image')}, and some must remain to train on"}
        )
    exact = [count * validation / total for count in counts]
    found = [int(share) for share in exact]
    by_remainder = sorted(range(len(counts)), key=lambda label: found[label] - exact[label])
    for label in by_remainder[: validation - sum(found)]:
        found[label] += 1
    for name, count, share in zip(classes, counts, found, strict=True):
        if not share or share == count:
            left = "validate" if not share else "train"
            raise ConstantError(
                {
                    "validation": f"of the {counted(count, 'image')} of class {clean(name)} it would hold out {share},"
                    f" and leave none to {left} on"
                }
            )
    return found


def _part(split: Split, which: NDArray[np.bool_]) -> Split:
    return Split(split.images[which], split.labels[which])
