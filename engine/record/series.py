"""The values of one curve, one an iteration, ready to be drawn at any width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.record.bins import Bins, History, Summary


class Series:
    """Values that only grow in number. Each is read once, however often and however wide they are drawn."""

    def __init__(self) -> None:
        self.values: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._history = History()
        self._bins = Bins(0, 1, 1, 1, self._history)

    def extend(self, values: NDArray[np.float32]) -> None:
        """Take in what is new in `values`, shape (n,), all values so far. Fewer than before are those of a new run."""
        if len(values) < len(self.values):
            self._history = History()
            self._bins = Bins(0, 1, 1, 1, self._history)
        self.values = values
        self._history.extend(values)

    def bins(self, first: int, end: int, count: int, span: int) -> Bins:
        """At most `count` bins of the iterations from `first` up to `end`, smoothed over `span`, one of `SPANS`.

        The same object is returned, and filled further, while the arguments stay the same.
        """
        if self._bins.made_for != (first, end, count, span):
            self._bins = Bins(first, end, count, span, self._history)
        self._bins.extend(self.values)
        return self._bins

    def average(self, span: int, stop: int) -> float:
        """The average over `span`, one of `SPANS`, of the values before `stop`; NaN if there is none."""
        return self._history.average(span, stop).value

    def summary(self, span: int) -> Summary:
        """The numbers beside the curve, smoothed over `span`, one of `SPANS`."""
        return self._history.summary(span)
