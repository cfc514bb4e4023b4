"""How the loss of the test or validation images has gone from evaluation to evaluation."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.record.events import Evaluated

IN_A_ROW = 3
"""The newest evaluations that are kept."""


class Measured:
    """The evaluations of the same images with as many views as the first, without those that a person asked for."""

    def __init__(self) -> None:
        self.best: Evaluated | None = None
        """The first of those with the lowest loss."""
        self.later: deque[float] = deque(maxlen=IN_A_ROW)
        """The losses of the newest ones after it."""
        self._read = 0
        self._first: Evaluated | None = None

    def extend(self, evaluations: Sequence[Evaluated]) -> None:
        """Take in what is new in `evaluations`: all of the run so far."""
        for each in evaluations[self._read :]:
            if each.loss is None or each.asked:
                continue
            first = self._first = self._first or each
            if (each.split, each.views) != (first.split, first.views):
                continue
            if self.best is None or self.best.loss is None or each.loss < self.best.loss:
                self.best = each
                self.later.clear()
            else:
                self.later.append(each.loss)
        self._read = len(evaluations)
