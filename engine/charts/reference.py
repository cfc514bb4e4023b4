"""Another run behind the loss curve: how far ahead of it this one is, at the same number of images seen."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from engine.charts.axes import number
from engine.charts.measured import Measured
from engine.charts.plot import Colour, Line, Note, Values
from engine.record.events import SplitName
from engine.record.series import Series

_LEVEL = 0.005
"""The share of the smoothed loss below which two runs are called level."""


class ReferenceCurve:
    """The losses of a run that is over. Its iterations are stretched to those of the run beside it."""

    def __init__(
        self,
        name: str,
        losses: NDArray[np.float32],
        batches: int,
        accuracies: Mapping[tuple[SplitName, int], float],
        *,
        why: str = "",
        same_loss: bool = True,
    ) -> None:
        """`losses` has shape (n,), `batches` of them an epoch. `accuracies` are percents with one view, by the images
        that they are of and the iteration after which they were measured. `why` tells why this run was chosen. Without
        `same_loss` its losses do not compare with those of the other run, so only accuracies do."""
        self.name, self.why = name, why
        self._losses = Series()
        self._losses.extend(losses)
        self._batches = max(1, batches)
        self._accuracies, self._same_loss = dict(accuracies), same_loss

    def values(self, first: int, end: int, count: int, span: int, batches: int) -> tuple[Values, Values]:
        """Return x and the smoothed loss, shape (n,) each, of a run with so many `batches` from `first` to `end`."""
        stretch = batches / self._batches
        begin, stop = int(first / stretch), max(1, round(end / stretch))
        bins = self._losses.bins(begin, max(begin + 1, stop), count, span)
        return bins.middles * stretch, bins.smoothed

    def layer(self, x: Values, y: Values, highest: float) -> Iterator[Line]:
        """Yield the line, up to the loss `highest`; nothing if its losses do not compare."""
        if self._same_loss and not np.isnan(y).all():
            legend = f"{self.name} ({self.why})" if self.why else self.name
            yield Line(x, np.where(y > highest, np.nan, y), Colour.REFERENCE, legend, thin=True)

    def notes(
        self, smoothed: float | None, span: int, iterations: int, batches: int, evaluations: Sequence[Measured]
    ) -> Iterator[Note]:
        """Yield how far ahead a run is whose loss is `smoothed` over `span` after so many iterations: in loss, and in
        accuracy after the newest epoch that both were evaluated after."""
        here = round(iterations * self._batches / batches)
        if self._same_loss and smoothed is not None and 0 < here <= len(self._losses.values):
            other = self._losses.average(span, here)
            if np.isfinite(other):
                yield Note(self._ahead(other - smoothed, abs(other)))
        for measured in reversed(evaluations):
            then, rest = divmod(measured.iteration * self._batches, batches)
            if not rest and (accuracy := self._accuracies.get((measured.split, then))) is not None:
                points = measured.plain_accuracy - accuracy
                side = "ahead" if points > 0 else "behind"
                yield Note("as accurate" if abs(points) < 0.05 else f"{abs(points):.1f} points {side}")
                return

    def _ahead(self, by: float, other: float) -> str:
        if abs(by) < _LEVEL * other:
            return f"level with {self.name}"
        return f"{number(abs(by))} ahead of {self.name}" if by > 0 else f"{number(abs(by))} behind {self.name}"
