"""How far results with different seeds lie apart."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence
from dataclasses import dataclass

CONFIDENCE = 0.95


@dataclass(frozen=True)
class Spread:
    """n results that differ only by chance."""

    n: int
    mean: float
    deviation: float | None
    """The sample standard deviation, with n − 1; None for a single result."""
    low: float | None
    """Where the mean of many more seeds lies with 95 % confidence; None for a single result."""
    high: float | None


def spread(values: Sequence[float]) -> Spread:
    """Return mean, standard deviation and Student's 95 % interval of the mean, mean ± t(0.975, n − 1) · s / √n.

    Student, "The Probable Error of a Mean" (1908). Raises `ValueError` without values.
    """
    n = len(values)
    if not n:
        raise ValueError("no values")
    mean = math.fsum(values) / n
    if n == 1:
        return Spread(n, mean, None, None, None)
    from scipy.special import stdtrit

    deviation = statistics.stdev(values)
    reach = float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * deviation / math.sqrt(n)
    return Spread(n, mean, deviation, mean - reach, mean + reach)
