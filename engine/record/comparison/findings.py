"""How much better a group is than the first one, and whether that is more than chance: in words."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

from engine.record.comparison.groups import Group
from engine.record.comparison.images import Pair
from engine.record.metrics.standard_error import standard_error
from engine.record.statistics.holm import holm
from engine.record.statistics.spread import Spread
from engine.record.statistics.welch import welch

LIKELY = 0.05
"""From this p on, a difference may be chance."""

SURE = 0.001


@dataclass(frozen=True)
class Finding:
    """A group beside the first one."""

    group: str
    """Its letter."""
    points: float | None
    """Percentage points by which its accuracy is higher; None if the two do not compare."""
    p: float | None
    """How probable such a difference is by chance alone, adjusted if several groups are tested; None without a test."""
    test: str
    """`welch` over seeds, `mcnemar` over images, or empty."""
    text: str
    """A sentence or two."""


def findings(groups: Sequence[Group], pair: Pair | None, *, same_images: bool) -> tuple[Finding, ...]:
    """Return one finding for each group but the first."""
    first, *others = groups
    tested = {group.letter: _welch(first, group) for group in others} if same_images else {}
    known = {letter: p for letter, p in tested.items() if p is not None}
    adjusted = dict(zip(known, holm(list(known.values())), strict=True))
    return tuple(
        _finding(first, group, adjusted.get(group.letter), pair, len(known), same_images=same_images)
        for group in others
    )


def alone(group: Group) -> str:
    """Return what is known of a group of several seeds by itself: mean, standard deviation, Student's interval."""
    found = group.spread
    if found is None or found.deviation is None:
        return ""
    return f"{group.letter}: {spread_told(found)}."


def spread_told(found: Spread) -> str:
    """Return `70.23 % ± 0.31 over 5 seeds; 95 % interval of the mean 69.85 to 70.61 %`, of two results or more."""
    told = f"{found.mean:.2f} % ± {found.deviation:.2f} over {found.n} seeds"
    return f"{told}; 95 % interval of the mean {found.low:.2f} to {found.high:.2f} %"


def _welch(first: Group, other: Group) -> float | None:
    if first.spread is None or other.spread is None:
        return None
    return welch(first.spread, other.spread)


def _finding(
    first: Group, other: Group, p: float | None, pair: Pair | None, tests: int, *, same_images: bool
) -> Finding:
    nothing = Finding(other.letter, None, None, "", "")
    if first.spread is None or other.spread is None:
        missing = " and ".join(group.letter for group in (first, other) if group.spread is None)
        return replace(nothing, text=f"No accuracy is known of {missing}.")
    before, after = first.spread.mean, other.spread.mean
    if not same_images:
        told = f"{other.letter} reaches {after:.2f} %, {first.letter} {before:.2f} %, but not of the same images."
        return replace(nothing, text=told)
    points = after - before
    told = _difference(first, other, points)
    if p is not None:
        more = _over_seeds(first, other, p, tests) if points else "."
        return Finding(other.letter, points, p, "welch", told + more)
    if pair is not None and (first.runs, other.runs) == ((pair.first,), (pair.second,)):
        more = _over_images(first, other, pair) if points else "."
        return Finding(other.letter, points, pair.p, "mcnemar", told + more)
    return Finding(other.letter, points, None, "", f"{told}; {_untested(first, other)}.")


def _difference(first: Group, other: Group, points: float) -> str:
    accuracies = f"{first.accuracy:.2f} to {other.accuracy:.2f} %"
    if f"{abs(points):.2f}" == "0.00":
        return f"{other.letter} is as good as {first.letter} ({other.accuracy:.2f} %)"
    size = f"{abs(points):.1f}" if abs(points) >= 0.95 else f"{abs(points):.2f}"
    kind = "better" if points > 0 else "worse"
    return f"{other.letter} is {size} point{'s' * (size != '1.0')} {kind} than {first.letter} ({accuracies})"


def _over_seeds(first: Group, other: Group, p: float, tests: int) -> str:
    n, m = len(first.runs), len(other.runs)
    seeds = f"{n} seeds each" if n == m else f"{m} against {n} seeds"
    several = f", adjusted for {tests} tests" if tests > 1 else ""
    return f", {chance(p, seeds)} ({p_told(p)}{several})."


def _over_images(first: Group, other: Group, pair: Pair) -> str:
    counts = (
        f"the {len(pair.only_second):,} images that only {other.letter} gets right against {len(pair.only_first):,}"
    )
    return (
        f", {chance(pair.p, counts)} ({p_told(pair.p)}). That holds for these two networks; another seed may turn it"
        " round."
    )


def _untested(first: Group, other: Group) -> str:
    """Return what is known of the chance in a difference that no test was made of."""
    spreads = [group.spread for group in (first, other) if group.spread is not None]
    deviations = [found.deviation for found in spreads if found.deviation is not None]
    if len(deviations) == len(spreads):
        return "no seed changes anything here, so nothing says what chance would"
    errors = [standard_error(group.evaluations[0].correct, group.evaluations[0].total) for group in (first, other)]
    seed = f"± {max(deviations):.2f}" if deviations else "more"
    return f"the choice of test images alone makes ± {math.hypot(*errors):.2f}, that of the seed {seed}"


def chance(p: float, evidence: str) -> str:
    """Return in words, after a comma, how likely a difference is chance. `evidence`, a plural, is what tells that."""
    if p < LIKELY:
        return f"which {evidence} make {'very ' * (p < SURE)}unlikely to be chance"
    return f"but {evidence} leave it possible that this is chance"


def p_told(p: float) -> str:
    """Return `p = 0.004`, or `p < 0.001`."""
    return f"p = {p:.2g}" if p >= SURE else "p < 0.001"
