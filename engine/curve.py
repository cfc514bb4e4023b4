"""A long row of losses made short enough to draw, with nothing lost that an eye would look for."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Bins:
    """The losses of a run in bins of equal width; each array has shape (bins,), NaN where a bin has no finite loss."""

    width: int
    """Iterations a bin."""
    low: NDArray[np.float64]
    high: NDArray[np.float64]
    """Lowest and highest finite loss: a spike of a single iteration stays visible."""
    mean: NDArray[np.float64]


def binned(losses: NDArray[np.float32], at_most: int) -> Bins:
    """`losses`, shape (n,), in at most `at_most` bins."""
    width = max(1, -(-len(losses) // at_most))
    padded = np.full(-(-len(losses) // width) * width, np.nan)
    padded[: len(losses)] = np.where(np.isfinite(losses), losses, np.nan)
    rows = padded.reshape(-1, width)
    known = ~np.isnan(rows)
    some = known.any(axis=1)
    low = np.where(some, np.where(known, rows, np.inf).min(axis=1, initial=np.inf), np.nan)
    high = np.where(some, np.where(known, rows, -np.inf).max(axis=1, initial=-np.inf), np.nan)
    count = np.maximum(1, known.sum(axis=1))
    mean = np.where(some, np.where(known, rows, 0).sum(axis=1) / count, np.nan)
    return Bins(width, low, high, mean)


def smoothed(values: NDArray[np.float64], span: float) -> NDArray[np.float64]:
    """Exponential moving average of `values`, shape (n,), over about `span` of them; NaN stays NaN and is passed over.

    The start is corrected for the average's beginning at zero (Kingma and Ba, 2015, "Adam", section 3).
    """
    keep = 1 - 2 / (span + 1)
    average, weight = 0.0, 0.0
    result = np.full(len(values), np.nan)
    for i, value in enumerate(values):
        if not np.isnan(value):
            average = keep * average + (1 - keep) * value
            weight = keep * weight + (1 - keep)
            result[i] = average / weight
    return result
