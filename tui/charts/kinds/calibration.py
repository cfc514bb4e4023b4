"""The reliability diagram of one evaluation."""

from __future__ import annotations

from engine.charts.calibration import CalibrationChart
from engine.record.metrics.calibration import Calibration
from tui.charts.chart import ChartView


class CalibrationView(ChartView):
    """Shows how often the network is right, by how sure it is."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(CalibrationChart(), id=id)

    def show(self, calibration: Calibration) -> None:
        """Show the calibration of an evaluation."""
        self._replace(CalibrationChart(calibration))

    def tell(self, hint: str) -> None:
        """Say why there is none."""
        self._replace(CalibrationChart(hint=hint))

    def _replace(self, chart: CalibrationChart) -> None:
        self._chart = chart
        self.redraw()
