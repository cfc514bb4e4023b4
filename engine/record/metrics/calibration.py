"""Whether a network is as often right as it is sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.record.classified import Classified

BINS = 15
"""Bins of equal width over the confidence, as in Guo et al., "On Calibration of Modern Neural Networks" (2017)."""


@dataclass(frozen=True, eq=False)
class Calibration:
    """Images by the confidence of their prediction. Bin b has confidences above b / 15, up to (b + 1) / 15."""

    counts: NDArray[np.int64]
    """Images in each bin, shape (15,)."""
    confidence: NDArray[np.float64]
    """Their mean confidence in percent, shape (15,); NaN in an empty bin."""
    accuracy: NDArray[np.float64]
    """How many of them were recognised, in percent, shape (15,); NaN in an empty bin."""

    @property
    def error(self) -> float:
        """The expected calibration error Σ (n_b / n) · |accuracy_b − confidence_b|, in percentage points."""
        n = int(self.counts.sum())
        gaps = np.nan_to_num(np.abs(self.accuracy - self.confidence))
        return float((self.counts * gaps).sum() / n) if n else 0.0


def calibration(classified: Classified) -> Calibration:
    """Sort the images into bins by the confidence of their prediction."""
    confidence = classified.confidence.astype(np.float64)
    bins = np.clip(np.ceil(confidence * BINS).astype(np.int64) - 1, 0, BINS - 1)
    counts = np.bincount(bins, minlength=BINS)
    sums = np.bincount(bins, confidence, BINS), np.bincount(bins, classified.right, BINS)
    means = [100 * np.divide(each, counts, out=np.full(BINS, np.nan), where=counts > 0) for each in sums]
    return Calibration(counts, *means)
