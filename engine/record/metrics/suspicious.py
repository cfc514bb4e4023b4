"""Images whose label is probably wrong, by the confident joint.

Northcutt, Jiang and Chuang, "Confident Learning: Estimating Uncertainty in Dataset Labels" (2021), section 3.1: a
network counts as confident of a class where its probability is at least the mean over the images that are labelled so.
It is a suspicion, and means something only for images that the network was not trained on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.record.classified import Classified


@dataclass(frozen=True, eq=False)
class Suspicious:
    """m images whose label is probably wrong, the most suspicious first."""

    indices: NDArray[np.int64]
    """Which images, shape (m,), by the probability of their label: the least probable first."""
    classes: NDArray[np.int64]
    """The class index that each of them probably has, shape (m,)."""


def suspicious(classified: Classified) -> Suspicious:
    """Return the images of which the network is confident that they are of another class than their label."""
    labels, probabilities = classified.labels, classified.probabilities
    classes = len(classified.classes)
    counts = np.bincount(labels, minlength=classes)
    own = probabilities[np.arange(len(classified)), labels]
    # A class without images has no threshold, so nothing can be confidently of it.
    sums = np.bincount(labels, own, classes)
    thresholds = np.divide(sums, counts, out=np.full(classes, np.inf), where=counts > 0)
    candidates = np.where(probabilities >= thresholds, probabilities, -1)
    likely = candidates.argmax(axis=1)
    found = np.flatnonzero((candidates.max(axis=1, initial=-1) >= 0) & (likely != labels))
    found = found[np.argsort(own[found], kind="stable")]
    return Suspicious(found, likely[found])
