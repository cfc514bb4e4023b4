"""Several tests at a time: the more there are, the likelier one of them is small by chance."""

from __future__ import annotations

from collections.abc import Sequence


def holm(values: Sequence[float]) -> list[float]:
    """Return p-values adjusted for their number, in the same order: Holm, "A simple sequentially rejective multiple
    test procedure" (1979)."""
    adjusted, least = [0.0] * len(values), 0.0
    for done, i in enumerate(sorted(range(len(values)), key=values.__getitem__)):
        least = max(least, min(1.0, (len(values) - done) * values[i]))
        adjusted[i] = least
    return adjusted
