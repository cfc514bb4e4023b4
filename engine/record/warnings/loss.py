"""The loss does not fall, or has risen again."""

from __future__ import annotations

from engine.record.warnings.facts import Facts
from engine.record.warnings.trend import BLOCK

HARDLY = 0.03
"""The part of the loss at the start by which it has fallen at least, if anything was learnt."""

LOST = 0.5
"""The part of what was gained that is lost again if the training goes wrong. Learning rates that rise cost less."""


def warning(facts: Facts) -> str:
    trend = facts.trend
    if trend.read <= facts.enough - BLOCK or not trend.lowest <= trend.now:
        return ""
    gained = trend.start - trend.lowest
    if gained < HARDLY * trend.start:
        return (
            f"The loss does not fall: {trend.start:.3f} at the start, {trend.now:.3f} now."
            " Another learning rate may help."
        )
    if trend.now - trend.lowest > LOST * gained:
        return (
            f"The loss rises again: {trend.lowest:.3f} at iteration {trend.lowest_at:,}, {trend.now:.3f} now."
            " A smaller learning rate may help."
        )
    return ""
