"""The curves of a comparison as SVG."""

from __future__ import annotations

from engine.charts.compared import ComparedCurves, Quantity, RunCurve
from engine.charts.svg import Heading, svg
from engine.record.comparison import Comparison
from engine.text import counted

_MOST = 16
"""Curves of a picture; more could not be told apart."""

_LEGEND = 110
"""Letters of the legend in all."""


def comparison_svg(comparison: Comparison, quantity: Quantity = "loss") -> str:
    """Return an SVG document of bounded size: a curve for each group, the mean of its runs."""
    groups = comparison.groups[:_MOST]
    room = _LEGEND // len(groups) - 8
    chart = ComparedCurves(
        [
            RunCurve(
                group.letter,
                _begun(group.name, room - (12 if group.seeds else 0)),
                group.first.colour,
                [run.record for run in group.runs],
            )
            for group in groups
        ]
    )
    chart.quantity = quantity
    result = ""
    if comparison.findings and comparison.findings[0].points is not None and len(comparison.groups) == 2:
        result = f"{comparison.findings[0].points:+.2f} points"
    left_out = f", the first {_MOST}" if len(comparison.groups) > _MOST else ""
    about = f"{counted(len(comparison.runs), 'run')} in {counted(len(comparison.groups), 'column')}{left_out}"
    if not comparison.same_images:
        about += " · not the same images"
    return svg(chart, Heading(quantity.capitalize(), result, f"{about} · by {chart.by}"))


def _begun(name: str, letters: int) -> str:
    if letters < 4:
        return ""
    return name if len(name) <= letters else f"{name[: letters - 1]}…"
