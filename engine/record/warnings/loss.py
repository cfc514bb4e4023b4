"""The loss does not fall, or has risen again."""

from __future__ import annotations

import math

from engine.record.warnings.facts import Facts
from engine.record.warnings.trend import BLOCK

HARDLY, NEAR = 0.03, 0.8
"""The part of the loss at the start by which it falls at least, if anything is learnt; and the part of a guess's loss
below which a network has learnt much before, as one that goes on from another run."""

LOST = 0.5
"""The part of the way back to a guess's loss. Learning rates that rise cost less."""


def warning(facts: Facts) -> str:
    trend, guess = facts.trend, math.log(len(facts.started.dataset.classes) or 1)  # all classes alike probable
    if trend.read <= facts.enough - BLOCK or not trend.lowest <= trend.now:
        return ""
    if trend.start - trend.lowest < HARDLY * trend.start and trend.now > NEAR * guess:
        return (
            f"The loss does not fall: {trend.start:.3f} at the start, {trend.now:.3f} now."
            " Another learning rate may help."
        )
    if trend.lowest < (1 - HARDLY) * guess and trend.now > trend.lowest + LOST * (guess - trend.lowest):
        return (
            f"The loss rises again: {trend.lowest:.3f} at iteration {trend.lowest_at:,}, {trend.now:.3f} now."
            " A smaller learning rate may help."
        )
    return ""
