"""The network is no better than naming the most frequent class each time."""

from __future__ import annotations

from engine.record.evaluation import percent
from engine.record.metrics.standard_error import standard_error
from engine.record.warnings import one_class
from engine.record.warnings.facts import Facts

STANDARD_ERRORS = 2.0
"""By so much an accuracy is above that of guessing, if it is not chance."""


def warning(facts: Facts) -> str:
    judged = facts.judged
    if judged is None or len(judged.matrix) < 2 or one_class.warning(facts):  # which says why
        return ""
    most = max(map(sum, judged.matrix))
    guessing = percent(most, judged.total)
    if judged.accuracy > guessing + STANDARD_ERRORS * standard_error(most, judged.total):
        return ""
    return (
        f"The network is no better than guessing: {judged.accuracy:.1f} % of the {judged.split} images,"
        f" and {guessing:.1f} % are of the most frequent class. Look at the learning rate and at the labels."
    )
