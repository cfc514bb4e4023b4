"""The loss of the test or validation images has been rising for epochs."""

from __future__ import annotations

from engine.record.warnings.facts import Facts
from engine.record.warnings.measured import IN_A_ROW

WORSE, NOW_WORSE = 1.02, 1.05
"""The newest three evaluations are worse than the best by the first factor, and the newest by the second."""


def warning(facts: Facts) -> str:
    best, later = facts.measured.best, facts.measured.later
    if best is None or best.loss is None or len(later) < IN_A_ROW:
        return ""
    if min(later) < WORSE * best.loss or later[-1] < NOW_WORSE * best.loss:
        return ""
    return (
        f"The {best.split} loss was lowest after epoch {best.epoch:,}: {best.loss:.3f} then, {later[-1]:.3f} now."
        " The network memorizes the training images."
    )
