"""Accuracy where the true class need only be among the most probable ones."""

from __future__ import annotations

import numpy as np

from engine.record.classified import Classified
from engine.record.evaluation import percent


def top_accuracy(classified: Classified, among: int = 2) -> float:
    """Return the percent of images whose label is the predicted class or among the `among` most probable ones.

    Of equal probabilities the class with the lower index counts as more probable, as in an argmax.
    """
    n, classes = classified.probabilities.shape
    others = classified.probabilities
    own = others[np.arange(n), classified.labels][:, None]
    is_before = np.arange(classes) < classified.labels[:, None]
    before = np.count_nonzero((others > own) | ((others == own) & is_before), axis=1)
    return percent(int(np.count_nonzero(classified.right | (before < among))), n)
