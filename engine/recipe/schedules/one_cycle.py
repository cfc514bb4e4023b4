"""The rate rises from a 25th, over the warm-up or 30 % of the run, then falls to almost zero (Smith and Topin, 2017).

Both along half a wave of a cosine, as `torch.optim.lr_scheduler.OneCycleLR` does by default; the constants are its.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

RISES = 0.3
"""The part of the run in which the rate rises, if the warm-up does not say how long."""

FIRST = 1 / 25
"""The factor of the first iteration."""

LAST = FIRST / 10_000
"""The factor of the last iteration."""


def factors(iterations: NDArray[np.float64], total: int, warmup: int) -> NDArray[np.float64]:
    highest, last = max((warmup or RISES * total) - 1, 0.0), total - 1
    rise = iterations / highest if highest else np.ones_like(iterations)
    fall = (iterations - highest) / max(last - highest, 1)
    return np.where(iterations <= highest, _wave(FIRST, 1, rise), _wave(1, LAST, fall))


def _wave(start: float, end: float, done: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return numbers from `start`, where `done` is 0, to `end`, where it is 1."""
    return end + (start - end) * (1 + np.cos(np.pi * done)) / 2
