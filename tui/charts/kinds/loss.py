"""The chart of a run's loss, while it trains and afterwards."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.charts.by_epoch import EpochCurves
from engine.charts.changed import Change
from engine.charts.loss import LossCurve
from engine.charts.measured import Measured, Trained
from engine.charts.reference import ReferenceCurve
from tui.charts.chart import ChartView


class LossChart(ChartView):
    """Shows the losses of one run after the other; or accuracy or loss after each epoch."""

    def __init__(self, *, name: str | None = None, id: str | None = None, classes: str | None = None) -> None:
        self.curve = LossCurve(1, 1)
        self._others: tuple[EpochCurves, ...] = ()
        self._measured: tuple[NDArray[np.float32], Sequence[Measured], Sequence[Trained]]
        self._measured = np.empty(0, dtype=np.float32), (), ()
        super().__init__(self.curve, name=name, id=id, classes=classes)

    def start(self, iterations: int, batches: int) -> None:
        """Begin a run of so many iterations, `batches` of them an epoch, with an empty chart."""
        self._chart = self.curve = LossCurve(iterations, batches)
        self._others = tuple(EpochCurves(iterations, batches, quantity) for quantity in ("accuracy", "loss"))
        self.redraw()

    def lengthen(self, iterations: int) -> None:
        """The run that is shown has so many iterations from now on."""
        charts: tuple[LossCurve | EpochCurves, ...] = (self.curve, *self._others)
        for chart in charts:
            chart.iterations = max(1, iterations)
        self.redraw()

    def show(
        self,
        losses: NDArray[np.float32],
        evaluations: Sequence[Measured],
        trained: Sequence[Trained] = (),
        changes: Sequence[Change] = (),
    ) -> None:
        """Show all losses so far, shape (n,), all evaluations, all epochs' training accuracies and all changes.

        Only what is new costs time.
        """
        self.curve.show(losses, evaluations, trained, changes)
        self._measured = losses, evaluations, trained
        if isinstance(self._chart, EpochCurves):
            self._chart.show(*self._measured)
        self.update()

    def put_behind(self, reference: ReferenceCurve) -> None:
        """Show an earlier run behind the one that is shown."""
        self.curve.reference = reference
        self.redraw()

    @property
    def shows_losses(self) -> bool:
        """Whether the loss of each iteration is shown."""
        return self._chart is self.curve

    def next_curves(self) -> None:
        """Show other curves: the loss of each iteration, or the accuracy or the loss after each epoch."""
        charts: tuple[LossCurve | EpochCurves, ...] = (self.curve, *self._others)
        here = next(i for i, chart in enumerate(charts) if chart is self._chart)
        self._chart = chosen = charts[(here + 1) % len(charts)]
        if isinstance(chosen, EpochCurves):  # they take in nothing while they are not shown
            chosen.show(*self._measured)
        self.redraw()

    def next_window(self) -> None:
        """Show the next part of the run: so far, the whole run, or its recent part."""
        self.curve.next_window()
        self.redraw()

    def toggle_log_scale(self) -> None:
        self.curve.toggle_log_scale()
        self.redraw()

    def smooth(self, direction: int) -> None:
        """Smooth over more iterations (1) or fewer (-1)."""
        self.curve.smooth(direction)
        self.redraw()
