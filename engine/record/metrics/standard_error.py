"""How far an accuracy could be from the one on other images of the same kind."""

from __future__ import annotations

import math


def standard_error(correct: int, total: int) -> float:
    """Return the binomial standard error √(p (1 − p) / n) of an accuracy, in percentage points; 0 without images."""
    if not total:
        return 0.0
    share = correct / total
    return 100 * math.sqrt(share * (1 - share) / total)
