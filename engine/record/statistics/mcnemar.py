"""Whether two networks differ, from the images that only one of them gets right."""

from __future__ import annotations

import math

EXACT_BELOW = 25
"""With fewer images that only one gets right, the binomial distribution is used itself."""


def mcnemar(only_first: int, only_second: int) -> float:
    """Return the two-sided p that each of these images could as well have been the other's.

    χ² = (|b − c| − 1)² / (b + c) with one degree of freedom: McNemar, "Note on the sampling error of the difference
    between correlated proportions or percentages" (1947), corrected for continuity by Edwards (1948). Below
    `EXACT_BELOW` images the exact binomial test with probability ½.
    """
    n, fewer = only_first + only_second, min(only_first, only_second)
    if n < EXACT_BELOW:
        return min(1.0, 2.0 * sum(math.comb(n, k) for k in range(fewer + 1)) / (1 << n))
    squared = max(0, abs(only_first - only_second) - 1) ** 2 / n
    return math.erfc(math.sqrt(squared / 2))  # P(χ²₁ > x) = P(|Z| > √x)
