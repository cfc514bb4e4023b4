"""Whether two groups of results have different means, if their spreads may differ too."""

from __future__ import annotations

import math

from engine.record.statistics.spread import Spread


def welch(first: Spread, second: Spread) -> float | None:
    """Return the two-sided p of Welch's t-test; None if a group has a single result or nothing spreads.

    t = (m₁ − m₂) / √(v₁ + v₂) with vᵢ = sᵢ² / nᵢ, and (v₁ + v₂)² / (v₁² / (n₁ − 1) + v₂² / (n₂ − 1)) degrees of
    freedom: Welch, "The generalization of Student's problem …" (1947), Satterthwaite (1946).
    """
    if first.deviation is None or second.deviation is None:
        return None
    v1, v2 = first.deviation**2 / first.n, second.deviation**2 / second.n
    if not v1 + v2:
        return 1.0 if first.mean == second.mean else None
    from scipy.special import stdtr

    t = (first.mean - second.mean) / math.sqrt(v1 + v2)
    freedom = (v1 + v2) ** 2 / (v1**2 / (first.n - 1) + v2**2 / (second.n - 1))
    return 2 * float(stdtr(freedom, -abs(t)))
