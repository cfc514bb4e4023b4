"""The loss of a run as an SVG: a band of every iteration's loss, a smoothed line, epochs, test accuracies.

Drawn by hand on a fixed grid of pixels. It brings its own background and follows the viewer's light or dark setting.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from itertools import groupby
from unicodedata import east_asian_width
from xml.sax.saxutils import escape

import numpy as np

from engine.record.bins import SPANS, LossBins, level_for
from engine.record.record import RunRecord
from engine.text import clean

BINS = 400
"""Points of the curve, two pixels each."""

_WIDTH, _HEIGHT = 960, 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 884, 124, 476
_MOST_HAIRLINES = 40
_MOST_LABELS = 10
_MOST_MARKS = 200

# The blue and the orange of Okabe and Ito (2008, "Color Universal Design"), at two lightnesses: everybody can tell
# them apart.
_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #51616f; }
.paper { fill: #ffffff; stroke: #d5dce3; }
.title { font-size: 21px; font-weight: 600; fill: #17212b; }
.tick, .epoch { font-size: 12px; }
.epoch { fill: #8494a3; }
.grid { stroke: #e6ebf0; }
.axis { stroke: #93a1ae; }
.hairline { stroke: #b3bfca; stroke-dasharray: 2 4; }
.band { fill: #0072b2; fill-opacity: 0.22; stroke: #0072b2; stroke-opacity: 0.35; stroke-width: 0.75; }
.line { fill: none; stroke: #0072b2; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.dot { fill: #0072b2; }
.accuracy { fill: #b35c00; font-weight: 600; }
.mark { fill: #b35c00; stroke: #ffffff; stroke-width: 1.5; }
@media (prefers-color-scheme: dark) {
  text { fill: #9fb0c0; }
  .paper { fill: #0f1419; stroke: #2a3541; }
  .title { fill: #eef3f8; }
  .epoch { fill: #6f8193; }
  .grid { stroke: #1d2630; }
  .axis { stroke: #5c6c7b; }
  .hairline { stroke: #415161; }
  .band { fill: #56b4e9; stroke: #56b4e9; }
  .line { stroke: #56b4e9; }
  .dot { fill: #56b4e9; }
  .accuracy { fill: #e69f00; }
  .mark { fill: #e69f00; stroke: #0f1419; }
}
"""


def loss_svg(record: RunRecord) -> str:
    """The picture of a run that has started, as an SVG document of bounded size."""
    started, losses = record.started, record.losses
    assert started is not None
    count, evaluation = len(losses), record.evaluation
    span = SPANS[level_for(count)]  # as the chart in the terminal smooths a run of this length
    bins = LossBins(0, count, BINS, span)
    bins.extend(losses)
    finite = losses[np.isfinite(losses)]
    ticks = _ticks(min(0.0, float(finite.min())), max(0.0, float(finite.max()))) if len(finite) else [0.0, 1.0]
    across = _Scale(0, max(1, count), _LEFT, _RIGHT)
    loss, percent = _Scale(ticks[0], ticks[-1], _BOTTOM, _TOP), _Scale(0, 100, _BOTTOM, _TOP)

    config, dataset = started.config, started.dataset
    name, status = _cropped(clean(started.name), 44), record.status
    model = _cropped(clean(config.get("model", "")), 20)
    about = f"{_cropped(clean(dataset.name), 30)} · {model} · {started.epochs:,} epochs"
    about += f" · batch size {config.get('batch_size')} · learning rate {config.get('learning_rate')} · {status}"
    result = f"{evaluation.accuracy:.2f} % of {evaluation.total:,} test images" if evaluation else "not evaluated"
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<title>{escape(f'Loss of {name} over {count:,} iterations')}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" rx="10"/>',
            _text(_LEFT - 44, 42, name, "title"),
            _text(_WIDTH - 28, 42, result, "title", anchor="end"),
            _text(_LEFT - 44, 66, about),
            *_legend(record, count, span),
            *_axes(count, across, loss, ticks),
            *(_percent_axis(percent) if evaluation else []),
            *_epochs(across, count, started.batches),
            *_curve(bins, across, loss),
            *_accuracies(record, across, percent),
            *([] if count else [_text((_LEFT + _RIGHT) / 2, 300, "no iteration was recorded", anchor="middle")]),
            "</svg>\n",
        ]
    )


class _Scale:
    """From numbers to pixels."""

    def __init__(self, low: float, high: float, start: float, end: float) -> None:
        self._low, self._high, self._start, self._end = low, high, start, end

    def __call__(self, value: float) -> float:
        # Halved, so that the difference of two huge losses stays finite.
        share = (value / 2 - self._low / 2) / (self._high / 2 - self._low / 2)
        return round(self._start + share * (self._end - self._start), 1)


def _ticks(low: float, high: float) -> list[float]:
    """About five round numbers that span from `low` to `high`."""
    rough = max(high / 5 - low / 5, 1e-9)
    ten = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * ten for factor in (1, 2, 2.5, 5, 10) if factor * ten >= rough * 0.999)
    first, last = math.floor(low / step), max(math.ceil(high / step * 0.999), 1)
    return [i * step for i in range(first, last + 1)]


def _axes(count: int, across: _Scale, loss: _Scale, ticks: Sequence[float]) -> Iterator[str]:
    for tick in ticks:
        y = loss(tick)
        yield _line(_LEFT, y, _RIGHT, y, "grid" if tick else "axis")
        yield _text(_LEFT - 10, y + 4, f"{tick:.6g}", "tick", anchor="end")
    for tick in _ticks(0, count):
        if tick != int(tick) or tick > count:
            continue
        yield _line(across(tick), _BOTTOM, across(tick), _BOTTOM + 4, "axis")
        yield _text(across(tick), _BOTTOM + 20, f"{tick:,.0f}", "tick", anchor="middle")
    yield _text((_LEFT + _RIGHT) / 2, _BOTTOM + 44, "iteration", anchor="middle")
    yield _turned(28, "loss", -90)


def _percent_axis(percent: _Scale) -> Iterator[str]:
    for tick in (0, 20, 40, 60, 80, 100):
        y = percent(tick)
        yield _line(_RIGHT, y, _RIGHT + 4, y, "axis")
        yield _text(_RIGHT + 10, y + 4, f"{tick}", "tick")
    yield _turned(_WIDTH - 22, "test accuracy, %", 90)


def _turned(x: float, name: str, degrees: int) -> str:
    """The name of an axis along it."""
    return (
        f'<text transform="translate({x} {(_TOP + _BOTTOM) / 2}) rotate({degrees})" text-anchor="middle">{name}</text>'
    )


def _legend(record: RunRecord, count: int, span: int) -> Iterator[str]:
    y, x = 94, _LEFT - 44
    yield f'<rect class="band" x="{x}" y="{y - 10}" width="22" height="12" rx="2"/>'
    yield _text(x + 30, y, "every iteration")
    yield _line(x + 142, y - 4, x + 164, y - 4, "line")
    yield _text(x + 172, y, f"smoothed over {span:,}")
    if record.evaluations:
        yield _diamond(x + 318, y - 4)
        yield _text(x + 330, y, "test accuracy", "accuracy")
    missing = count - int(np.isfinite(record.losses).sum())
    if missing:
        losses = "1 loss is" if missing == 1 else f"{missing:,} losses are"
        yield _text(_WIDTH - 28, y, f"{losses} not finite", "accuracy", anchor="end")


def _epochs(across: _Scale, count: int, batches: int) -> Iterator[str]:
    epochs = -(-count // batches)
    every = -(-epochs // _MOST_HAIRLINES)
    labelled = -(-epochs // _MOST_LABELS)
    for epoch in range(epochs):
        x = across(epoch * batches)
        if epoch and epoch % every == 0:
            yield _line(x, _TOP, x, _BOTTOM, "hairline")
        if epoch % labelled == 0 and _RIGHT - x > 56:
            yield _text(x + (2 if epoch else 0), _TOP - 6, f"epoch {epoch + 1:,}", "epoch")


def _curve(bins: LossBins, across: _Scale, loss: _Scale) -> Iterator[str]:
    """Band and line, in pieces where there are gaps."""
    rows = zip(bins.middles, bins.low, bins.high, bins.smoothed, strict=True)
    pieces = [list(piece) for known, piece in groupby(rows, key=lambda row: math.isfinite(row[1])) if known]
    for piece in pieces:
        upper = [(across(i), loss(high)) for i, _, high, _ in piece]
        lower = [(across(i), loss(low)) for i, low, _, _ in reversed(piece)]
        if len(piece) > 1:
            yield f'<path class="band" d="M{_path(upper + lower)}Z"/>'
    for piece in pieces:
        line = [(across(i), loss(smoothed)) for i, _, _, smoothed in piece]
        if len(piece) > 1:
            yield f'<path class="line" d="M{_path(line)}"/>'
        else:
            yield f'<circle class="dot" cx="{line[0][0]}" cy="{line[0][1]}" r="2.5"/>'


def _accuracies(record: RunRecord, across: _Scale, percent: _Scale) -> Iterator[str]:
    count = len(record.evaluations)
    every = -(-count // _MOST_MARKS)
    labelled = -(-count // _MOST_LABELS)
    # Counted from the newest, which is the one that matters.
    for age, index in enumerate(reversed(range(count))):
        if age % every:
            continue
        accuracy = record.evaluation_at(index).accuracy
        x, y = across(record.evaluations[index].iteration), percent(accuracy)
        yield _diamond(x, y)
        if age % labelled == 0:
            at_edge = _RIGHT - x < 30
            yield _text(
                x + 4 if at_edge else x, y - 12, f"{accuracy:.1f} %", "accuracy", anchor="end" if at_edge else "middle"
            )


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "L".join(f"{x} {y}" for x, y in points)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


def _diamond(x: float, y: float) -> str:
    return f'<path class="mark" d="M{x} {y - 7}l6 7l-6 7l-6 -7Z"/>'


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _cropped(text: str, cells: int) -> str:
    """`text` in at most `cells` times the width of a Latin letter."""
    width = 0
    for i, c in enumerate(text):
        width += 2 if east_asian_width(c) in "WF" else 1
        if width > cells:
            return text[:i].rstrip() + "…"
    return text
