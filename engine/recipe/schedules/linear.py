"""After the warm-up the rate falls in a straight line to zero."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.recipe.warmup import warmed_up


def factors(iterations: NDArray[np.float64], total: int, warmup: int) -> NDArray[np.float64]:
    return warmed_up(iterations, total, warmup, lambda done: 1 - done)
