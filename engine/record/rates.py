"""What the learning-rate finder measured, and the rate that it suggests (Smith, 2017, arXiv 1506.01186)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

RATES: NDArray[np.float64] = np.geomspace(1e-7, 10, 100)
"""The learning rate of each iteration: every one is the same factor larger than the one before."""

_DECAY = 0.98
"""How much a loss counts in the smoothed one, by what the next one counts."""

DIVERGED = 4.0
"""Times its lowest value at which the smoothed loss has diverged."""


@dataclass(frozen=True)
class RateCurve:
    """The losses of the first iterations at `RATES`, as far as they were finite, and what follows from them."""

    losses: tuple[float, ...] = ()
    ended: bool = False
    """Whether the measurement is complete."""

    @property
    def rates(self) -> NDArray[np.float64]:
        """The rates of the iterations, shape (n,)."""
        return RATES[: len(self.losses)]

    @cached_property
    def smoothed(self) -> NDArray[np.float64]:
        """The mean of the losses up to each iteration, shape (n,): the latest counts 1, the one before 0.98 and so on.

        This is the exponential average without the bias of its start.
        """
        weights = _DECAY ** -np.arange(len(self.losses))
        means: NDArray[np.float64] = np.cumsum(weights * np.asarray(self.losses)) / np.cumsum(weights)
        return means

    @property
    def diverged(self) -> bool:
        """Whether the smoothed loss is more than four times its lowest value."""
        return bool(self.losses) and bool(self.smoothed[-1] > DIVERGED * self.smoothed.min())

    @cached_property
    def suggested_at(self) -> int | None:
        """The iteration in the middle of the longest fall of the smoothed loss; None if it never falls."""
        fall = longest_fall(self.smoothed.tolist())
        return fall[(len(fall) - 1) // 2] if len(fall) > 1 else None

    @property
    def suggestion(self) -> float | None:
        """The rate to train with, of two significant digits; None if the smoothed loss never falls."""
        return None if self.suggested_at is None else float(f"{RATES[self.suggested_at]:.1e}")


def longest_fall(values: Sequence[float]) -> list[int]:
    """Return the indices of the most values of which each is lower than the one before, in order.

    Values between them that do not go along are left out, so noise does not end a fall. Of falls that are equally long
    the one that ends first is returned. A NaN is in no fall of more than one value.
    """
    lengths: list[int] = []
    before: list[int | None] = []
    for i, value in enumerate(values):
        longest = max((j for j in range(i) if values[j] > value), key=lambda j: (lengths[j], j), default=None)
        before.append(longest)
        lengths.append(1 if longest is None else lengths[longest] + 1)
    fall: list[int] = []
    at = max(range(len(values)), key=lambda i: lengths[i], default=None)
    while at is not None:
        fall.append(at)
        at = before[at]
    return fall[::-1]
