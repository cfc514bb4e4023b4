"""The network takes nearly every image for the same class."""

from __future__ import annotations

from engine.record.evaluation import percent
from engine.record.warnings.facts import Facts
from engine.text import clean

NEARLY_ALL = 99.0
"""Percent of the images that were taken for one class."""


def warning(facts: Facts) -> str:
    judged = facts.judged
    if judged is None or len(judged.matrix) < 2:
        return ""
    taken = [sum(column) for column in zip(*judged.matrix, strict=True)]
    share, index = percent(max(taken), judged.total), taken.index(max(taken))
    if share < NEARLY_ALL or percent(sum(judged.matrix[index]), judged.total) >= NEARLY_ALL:
        return ""  # in the second case, nearly all images are of that class
    which = "every" if share == 100 else f"{share:.1f} % of the"
    images = f"{judged.split} image{'s' * (share != 100)}"
    return f"The network takes {which} {images} for {clean(facts.started.dataset.classes[index])}."
