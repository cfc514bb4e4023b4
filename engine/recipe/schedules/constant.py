"""The same rate throughout, after the warm-up."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.recipe.warmup import warmed_up


def factors(iterations: NDArray[np.float64], total: int, warmup: int) -> NDArray[np.float64]:
    return warmed_up(iterations, total, warmup, np.ones_like)
