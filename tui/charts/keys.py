"""The keys of the loss chart, the same on every screen that shows one."""

from __future__ import annotations

from textual.binding import Binding, BindingType
from textual.dom import DOMNode

from tui.charts.kinds.loss import LossChart

_AXES = Binding.Group("Axes", compact=True)
_SMOOTHING = Binding.Group("Smooth", compact=True)
"""Keys that stand together in the footer."""

SMOOTHING_BINDINGS: list[BindingType] = [
    Binding(
        *("plus,equals_sign", "chart_smooth(1)", "Smoother"),
        key_display="+",
        tooltip="Smooth over more iterations",
        group=_SMOOTHING,
    ),
    Binding(
        *("minus", "chart_smooth(-1)", "Rougher"),
        key_display="-",
        tooltip="Smooth over fewer iterations",
        group=_SMOOTHING,
    ),
]
"""For the `BINDINGS` of any screen with smoothed curves."""

CHART_BINDINGS: list[BindingType] = [
    Binding("r", "chart_window", "Zoom", tooltip="The run so far, the whole run, or its latest part", group=_AXES),
    Binding("y", "chart_log_scale", "Scale", tooltip="Logarithmic or linear loss axis", group=_AXES),
    *SMOOTHING_BINDINGS,
]
"""For the `BINDINGS` of a screen that inherits `ChartKeys`."""


class ChartKeys(DOMNode):
    """The actions of `CHART_BINDINGS`, for a screen that shows one loss chart.

    The chart never has the focus, so its keys belong to the screen.
    """

    def action_chart_window(self) -> None:
        self.query_one(LossChart).next_window()

    def action_chart_log_scale(self) -> None:
        self.query_one(LossChart).toggle_log_scale()

    def action_chart_smooth(self, direction: int) -> None:
        self.query_one(LossChart).smooth(direction)
