"""Curves of several runs over each other."""

from __future__ import annotations

from collections.abc import Sequence

from rich.style import Style

from engine.charts.compared import ComparedCurves, RunCurve
from engine.charts.plot import RUNS
from tui.charts.chart import ChartView


class ComparedChart(ChartView):
    """Shows losses, accuracies or test losses by iteration, epoch or seconds."""

    def __init__(self, *, id: str | None = None) -> None:
        self.curves = ComparedCurves(())
        super().__init__(self.curves, id=id)

    def start(self, curves: Sequence[RunCurve]) -> None:
        """Show `curves`, smoothed and over what suits them."""
        self._chart = self.curves = ComparedCurves(curves)
        self.redraw()

    def show(self, curves: Sequence[RunCurve]) -> None:
        """Show other curves in the same way."""
        self.curves.show(curves)
        self.redraw()

    def style_of(self, colour: int) -> Style:
        """Return the style of a run's colour, an index of `RUNS`."""
        return self._style(RUNS[colour % len(RUNS)])

    def next_quantity(self) -> None:
        self.curves.next_quantity()
        self.redraw()

    def next_across(self) -> None:
        self.curves.next_across()
        self.redraw()

    def smooth(self, direction: int) -> None:
        """Smooth over more iterations (1) or fewer (-1)."""
        self.curves.smooth(direction)
        self.redraw()
