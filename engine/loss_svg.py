"""The loss of a run as a picture: a band of every iteration, a smoothed line, epochs, test accuracy."""

from __future__ import annotations

from collections.abc import Iterator
from xml.sax.saxutils import escape

import numpy as np
from numpy.typing import NDArray

from engine.curve import binned, smoothed
from engine.record import RunRecord
from engine.text import clean

_WIDTH, _HEIGHT = 960, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 64, 64, 56, 48
_BINS = 400
"""Points along the width: about one for two pixels."""

_STYLE = """
  .ground { fill: #ffffff } .text { fill: #1c2733 } .quiet { fill: #5c6f82 } .axis { stroke: #b9c4cf }
  .epoch { stroke: #ccd5dd; stroke-dasharray: 3 3 } .band { fill: #0b62a4; fill-opacity: 0.22 }
  .line { stroke: #0b62a4; stroke-width: 2; fill: none; stroke-linejoin: round } .mark { fill: #b35c00 }
  text { font: 13px ui-sans-serif, system-ui, sans-serif } .title { font-size: 17px; font-weight: 600 }
  @media (prefers-color-scheme: dark) {
    .ground { fill: #0f1419 } .text { fill: #d7dee6 } .quiet { fill: #8a9bab } .axis { stroke: #33414f }
    .epoch { stroke: #2a3541 } .band { fill: #5aa7e8 } .line { stroke: #8cc4f5 } .mark { fill: #e69f00 }
  }
"""


def loss_svg(record: RunRecord) -> str:
    """An SVG document of fixed size, readable on light and dark ground; a loss that is not finite leaves a gap."""
    started = record.started
    iterations = started.iterations if started else len(record.losses)
    batches = started.batches if started else max(1, iterations)
    bins = binned(record.losses, _BINS)
    highest = float(np.nanmax(bins.high)) if np.isfinite(bins.high).any() else 1.0
    lowest = min(0.0, float(np.nanmin(bins.low))) if np.isfinite(bins.low).any() else 0.0
    ticks = _ticks(lowest, highest)
    low, high = min(lowest, ticks[0]), max(highest, ticks[-1])
    plot_width, plot_height = _WIDTH - _LEFT - _RIGHT, _HEIGHT - _TOP - _BOTTOM

    def x(iteration: float) -> float:
        return _LEFT + plot_width * iteration / max(1, iterations)

    def y(loss: float) -> float:
        return _TOP + plot_height * (1 - (loss - low) / (high - low))

    def y_percent(percent: float) -> float:
        return _TOP + plot_height * (1 - percent / 100)

    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="ground" width="{_WIDTH}" height="{_HEIGHT}"/>',
    ]

    def text(at_x: float, at_y: float, content: str, css: str, anchor: str) -> None:
        shown = escape(clean(content))
        lines.append(f'<text class="{css}" x="{at_x:.1f}" y="{at_y:.1f}" text-anchor="{anchor}">{shown}</text>')

    def stroke(css: str, x1: float, y1: float, x2: float, y2: float) -> None:
        lines.append(f'<line class="{css}" x1="{x1:.1f}" y1="{y1:.1f}" x2="{x2:.1f}" y2="{y2:.1f}"/>')

    text(_LEFT, 30, _title(record), "title text", "start")
    for tick in ticks:
        stroke("axis", _LEFT - 5, y(tick), _LEFT, y(tick))
        text(_LEFT - 9, y(tick) + 4, f"{tick:g}", "quiet", "end")
    epochs = -(-iterations // batches)
    every = -(-epochs // 12)
    for epoch in range(0, epochs + 1, every):
        at = min(epoch * batches, iterations)
        if 0 < at < iterations:
            stroke("epoch", x(at), _TOP, x(at), _TOP + plot_height)
        text(x(at), _HEIGHT - _BOTTOM + 20, f"{at:,}", "quiet", "middle")
    for polygon in _bands(bins.low, bins.high, bins.width, len(record.losses)):
        points = " ".join(f"{x(i):.1f},{y(loss):.1f}" for i, loss in polygon)
        lines.append(f'<polygon class="band" points="{points}"/>')
    smooth = smoothed(bins.mean, 12)
    for run in _finite_runs(smooth):
        middles = ((min((i + 0.5) * bins.width, len(record.losses)), smooth[i]) for i in run)
        points = " ".join(f"{x(i):.1f},{y(loss):.1f}" for i, loss in middles)
        lines.append(f'<polyline class="line" points="{points}"/>')
    stroke("axis", _LEFT, _TOP, _LEFT, _TOP + plot_height)
    stroke("axis", _LEFT, _TOP + plot_height, _WIDTH - _RIGHT, _TOP + plot_height)
    if record.evaluations:
        for percent in (0, 25, 50, 75, 100):
            text(_WIDTH - _RIGHT + 9, y_percent(percent) + 4, f"{percent} %", "quiet", "start")
        stroke("axis", _WIDTH - _RIGHT, _TOP, _WIDTH - _RIGHT, _TOP + plot_height)
        labelled = -(-len(record.evaluations) // 12)
        for number, done in enumerate(record.evaluations):
            accuracy = record.evaluation_at(number).accuracy
            at_x, at_y = x(done.iteration), y_percent(accuracy)
            lines.append(f'<path class="mark" d="M{at_x:.1f} {at_y - 6:.1f}l6 6l-6 6l-6 -6z"/>')
            if (len(record.evaluations) - 1 - number) % labelled == 0:
                text(at_x - 9, at_y - 9, f"{accuracy:.1f} %", "mark", "end")
    text(_LEFT + plot_width / 2, _HEIGHT - 8, "iteration", "quiet", "middle")
    text(_LEFT, _TOP - 10, "loss: every iteration, smoothed", "quiet", "start")
    if record.evaluations:
        text(_WIDTH - _RIGHT, _TOP - 10, "◆ accuracy on the test images", "mark", "end")
    return "\n".join((*lines, "</svg>")) + "\n"


def _title(record: RunRecord) -> str:
    started, evaluation = record.started, record.evaluation
    parts = [started.name if started else "run", record.status]
    if evaluation is not None:
        parts.append(f"{evaluation.accuracy:.2f} %")
    if started is not None:
        parts.append(started.dataset.name)
    title = " · ".join(parts)
    return title if len(title) <= 90 else title[:89] + "…"


def _ticks(low: float, high: float) -> list[float]:
    """Four to nine round values from at most `low` to at least `high`."""
    span = max(high - low, abs(high) * 1e-3, 1e-30)
    power = 10.0 ** np.floor(np.log10(span))
    step = next(float(power * nice) for nice in (0.2, 0.5, 1.0, 2.0) if span / (power * nice) <= 6)
    first, last = int(np.floor(low / step)), int(np.ceil(high / step))
    return [float(f"{i * step:.12g}") for i in range(first, max(last, first + 1) + 1)]


def _finite_runs(values: NDArray[np.float64]) -> Iterator[list[int]]:
    """The indices of `values` that are numbers, a list for each stretch without a gap."""
    run: list[int] = []
    for i, value in enumerate(values):
        if np.isnan(value):
            if run:
                yield run
            run = []
        else:
            run.append(i)
    if run:
        yield run


def _bands(
    low: NDArray[np.float64], high: NDArray[np.float64], width: int, end: int
) -> Iterator[list[tuple[float, float]]]:
    """For each stretch without a gap the outline of its band as (iteration, loss): along the top, then back below."""
    for run in _finite_runs(low):
        edges = [(i * width, min((i + 1) * width, end), i) for i in run]
        top = [(float(at), float(high[i])) for left, right, i in edges for at in (left, right)]
        bottom = [(float(at), float(low[i])) for left, right, i in edges for at in (left, right)]
        yield top + bottom[::-1]
