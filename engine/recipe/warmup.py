"""The first iterations of a run, in which the learning rate grows: a large one at the start can ruin random weights."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray


def warmed_up(
    iterations: NDArray[np.float64],
    total: int,
    warmup: int,
    shape: Callable[[NDArray[np.float64]], NDArray[np.float64]],
) -> NDArray[np.float64]:
    """Return 1/`warmup`, 2/`warmup`, … 1 for the first `warmup` of `iterations` (n,), and `shape` after them.

    `shape` is given how much of the rest is done: 0 at its first iteration, below 1 at the last.
    """
    done = np.maximum(iterations - warmup, 0) / max(total - warmup, 1)
    return np.where(iterations < warmup, (iterations + 1) / max(warmup, 1), shape(done))
