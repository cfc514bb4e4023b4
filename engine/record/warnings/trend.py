"""How the loss of a run has gone, from means over many iterations: one batch alone says little."""

from __future__ import annotations

from collections import deque

import numpy as np
from numpy.typing import NDArray

BLOCK, BLOCKS = 20, 5
"""Iterations that are averaged, and how many of such means make a smoothed loss."""


class Trend:
    """The loss at the start, at its lowest and now. Not numbers before there are losses enough."""

    def __init__(self) -> None:
        self.start = self.lowest = self.now = float("nan")
        """`start` is the mean of the first 20 iterations, the others are means of 100."""
        self.lowest_at = 0
        """The iteration at the end of those with the lowest mean."""
        self.read = 0
        """Iterations that are in it."""
        self._newest: deque[float] = deque(maxlen=BLOCKS)

    def extend(self, losses: NDArray[np.float32]) -> None:
        """Take in what is new in `losses`, shape (n,): all of the run so far."""
        whole = len(losses) // BLOCK * BLOCK
        if whole <= self.read:
            return
        with np.errstate(all="ignore"):  # a damaged file may hold anything
            means = losses[self.read : whole].reshape(-1, BLOCK).mean(axis=1, dtype=np.float64)
        for mean in means.tolist():
            if self.read == 0:
                self.start = mean
            self.read += BLOCK
            self._newest.append(mean)
            if len(self._newest) == BLOCKS:
                self.now = sum(self._newest) / BLOCKS
                if not self.lowest <= self.now:  # the first time, `lowest` is no number
                    self.lowest, self.lowest_at = self.now, self.read
