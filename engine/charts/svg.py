"""Any chart as an SVG document. It brings its own background and follows the viewer's light or dark setting."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from xml.sax.saxutils import escape

from engine.charts.axes import Axis
from engine.charts.plot import Band, Chart, Colour, Hairlines, Layer, Line, Marks, Plot, Room, Values

_WIDTH, _HEIGHT = 960, 540
_LEFT, _RIGHT, _TOP, _BOTTOM = 72, 884, 124, 476
_MARGIN = 28
_LETTER = 7.2
"""About the width of a letter in pixels."""
_MARKS_APART, _TEXTS_APART = 14, 60
"""Pixels between two marks, and between the texts of two marks, at least."""

_ROOM = Room(points=400, columns=round((_RIGHT - _LEFT) / _LETTER), rows=20)
"""Two pixels a point; about five ticks at the sides."""

# Blue, orange, green and purple of Okabe and Ito (2008, "Color Universal Design"), at two lightnesses: people with any
# of the common colour blindnesses can tell them apart.
_STYLE = """
text { font-family: system-ui, -apple-system, "Segoe UI", "DejaVu Sans", sans-serif; font-size: 13px; fill: #51616f; }
.paper { fill: #ffffff; stroke: #d5dce3; }
.title { font-size: 21px; font-weight: 600; fill: #17212b; }
.tick, text.epoch { font-size: 12px; }
text.epoch { fill: #8494a3; }
.grid { stroke: #e6ebf0; }
.axis { stroke: #93a1ae; }
line.epoch { stroke: #b3bfca; stroke-dasharray: 2 4; }
.area { fill-opacity: 0.22; stroke-opacity: 0.35; stroke-width: 0.75; }
.area.band { fill: #0072b2; stroke: #0072b2; }
.curve { fill: none; stroke-width: 2.25; stroke-linejoin: round; stroke-linecap: round; }
.curve.line { stroke: #0072b2; }
.dot.line { fill: #0072b2; }
.mark { fill: currentColor; stroke: #ffffff; stroke-width: 1.5; }
.mark.hollow { fill: #ffffff; stroke: currentColor; }
.trend { fill: none; stroke: currentColor; stroke-opacity: 0.5; }
.accuracy { color: #b35c00; font-weight: 600; }
.training { color: #00705c; }
.measured { color: #98386f; }
.warning { color: #b3261e; font-weight: 600; }
.change { color: #7a6a00; }
line.change { stroke: currentColor; stroke-dasharray: 5 3; }
text.accuracy, text.warning, text.change, text[class^="run_"] { fill: currentColor; }
.curve[class*="run_"] { stroke: currentColor; }
.curve.reference { stroke: #5b4ea8; stroke-width: 1.25; }
.dot[class*="run_"] { fill: currentColor; }
.run_1 { color: #0072b2; }
.run_2 { color: #b35c00; }
.run_3 { color: #00705c; }
.run_4 { color: #98386f; }
.run_5 { color: #7a6a00; }
.run_6 { color: #b3261e; }
.run_7 { color: #5b4ea8; }
.run_8 { color: #17212b; }
@media (prefers-color-scheme: dark) {
  text { fill: #9fb0c0; }
  .paper { fill: #0f1419; stroke: #2a3541; }
  .title { fill: #eef3f8; }
  text.epoch { fill: #6f8193; }
  .grid { stroke: #1d2630; }
  .axis { stroke: #5c6c7b; }
  line.epoch { stroke: #415161; }
  .area.band { fill: #56b4e9; stroke: #56b4e9; }
  .curve.line { stroke: #56b4e9; }
  .dot.line { fill: #56b4e9; }
  .mark { stroke: #0f1419; }
  .mark.hollow { fill: #0f1419; }
  .accuracy { color: #e69f00; }
  .training { color: #4db6a4; }
  .measured { color: #d98fb9; }
  .warning { color: #ff7a66; }
  .change { color: #f0e442; }
  .run_1 { color: #56b4e9; }
  .run_2 { color: #e69f00; }
  .run_3 { color: #4db6a4; }
  .run_4 { color: #d98fb9; }
  .run_5 { color: #f0e442; }
  .run_6 { color: #ff7a66; }
  .run_7 { color: #a99cf5; }
  .run_8 { color: #d7dee6; }
}
"""


@dataclass(frozen=True)
class Heading:
    """What stands over a chart: texts without control characters, short enough for their places."""

    name: str
    """At the left, in large letters."""
    result: str
    """At the right, in large letters."""
    about: str
    """Below, in small letters."""


def svg(chart: Chart, heading: Heading) -> str:
    """The document. Its size is bounded, however many values the chart has."""
    plot = chart.plot(_ROOM)
    return "\n".join(
        [
            f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img">',
            f"<title>{escape(f'{heading.name}: {plot.name}')}</title>",
            f"<style>{_STYLE}</style>",
            f'<rect class="paper" x="0.5" y="0.5" width="{_WIDTH - 1}" height="{_HEIGHT - 1}" rx="10"/>',
            _text(_MARGIN, 42, heading.name, "title"),
            _text(_WIDTH - _MARGIN, 42, heading.result, "title", anchor="end"),
            _text(_MARGIN, 66, heading.about),
            *_legend(plot),
            *_axes(plot),
            *(shape for layer in plot.layers for shape in _layer(layer, plot)),
            "</svg>\n",
        ]
    )


# Axes and legend


def _across(plot: Plot, values: Values | Sequence[float]) -> list[float]:
    """The x of each value in pixels."""
    return [round(_LEFT + fraction * (_RIGHT - _LEFT), 1) for fraction in plot.x.fractions(values).tolist()]


def _up(axis: Axis | None, values: Values | Sequence[float]) -> list[float]:
    """The y of each value in pixels; NaN stays NaN."""
    assert axis is not None
    return [round(_BOTTOM - fraction * (_BOTTOM - _TOP), 1) for fraction in axis.fractions(values).tolist()]


def _ticks(axis: Axis | None) -> list[float]:
    return [tick.value for tick in axis.ticks] if axis is not None else []


def _axes(plot: Plot) -> Iterator[str]:
    middle = (_LEFT + _RIGHT) / 2
    yield _line(_LEFT, _BOTTOM, _RIGHT, _BOTTOM, "axis")
    for x, tick in zip(_across(plot, _ticks(plot.x)), plot.x.ticks, strict=True):
        yield _line(x, _BOTTOM, x, _BOTTOM + 4, "axis")
        yield _text(x, _BOTTOM + 20, tick.label, "tick", anchor="middle")
    yield _text(middle, _BOTTOM + 44, plot.x.name, anchor="middle")
    if plot.left is None:
        yield _text(middle, (_TOP + _BOTTOM) / 2, plot.hint, anchor="middle")
        return
    for y, tick in zip(_up(plot.left, _ticks(plot.left)), plot.left.ticks, strict=True):
        yield _line(_LEFT, y, _RIGHT, y, "grid")
        yield _text(_LEFT - 10, y + 4, tick.label, "tick", anchor="end")
    yield _turned(20, plot.left.name, -90)
    if plot.right is not None:
        for y, tick in zip(_up(plot.right, _ticks(plot.right)), plot.right.ticks, strict=True):
            yield _line(_RIGHT, y, _RIGHT + 4, y, "axis")
            yield _text(_RIGHT + 8, y + 4, tick.label, "tick")
        yield _turned(_WIDTH - 12, plot.right.name, 90)


def _legend(plot: Plot) -> Iterator[str]:
    x, y = _MARGIN, 94
    for layer in plot.layers:
        if layer.legend:
            yield _sample(layer, x, y - 4)
            yield _text(x + 30, y, layer.legend)
            x += 30 + round(_LETTER * (len(layer.legend) + 1))
    warnings = "   ".join(note.text for note in plot.notes if note.warning)
    if warnings:
        yield _text(_WIDTH - _MARGIN, y, warnings, "warning", anchor="end")


def _sample(layer: Layer, x: float, y: float) -> str:
    kind = _class(layer.colour)
    match layer:
        case Marks():
            return _mark(x + 14, y, layer)
        case Band():
            return f'<rect class="area {kind}" x="{x}" y="{y - 6}" width="22" height="12" rx="2"/>'
        case _:
            return _line(x, y, x + 22, y, kind if isinstance(layer, Hairlines) else f"curve {kind}")


# Layers


def _layer(layer: Layer, plot: Plot) -> Iterator[str]:
    match layer:
        case Hairlines():
            yield from _hairlines(layer, plot)
        case Band():
            x, low, high = _across(plot, layer.x), _up(plot.left, layer.low), _up(plot.left, layer.high)
            for part in _known(high):
                outline = [*zip(x[part], high[part], strict=True), *reversed([*zip(x[part], low[part], strict=True)])]
                yield f'<path class="area {_class(layer.colour)}" d="M{_path(outline)}Z"/>'
        case Line():
            x, y = _across(plot, layer.x), _up(plot.left, layer.y)
            kind = _class(layer.colour)
            for part in _known(y):
                if part.stop - part.start > 1:
                    yield f'<path class="curve {kind}" d="M{_path(zip(x[part], y[part], strict=True))}"/>'
                else:
                    yield f'<circle class="dot {kind}" cx="{x[part.start]}" cy="{y[part.start]}" r="2.5"/>'
        case Marks():
            yield from _marks(layer, plot)


def _hairlines(layer: Hairlines, plot: Plot) -> Iterator[str]:
    free = 0.0
    for x, text in zip(_across(plot, layer.x), layer.texts, strict=True):
        yield _line(x, _TOP, x, _BOTTOM, _class(layer.colour))
        end = x + _LETTER * len(text)
        if free <= x and end <= _RIGHT:
            yield _text(x + 2, _TOP - 6, text, _class(layer.colour))
            free = end


def _marks(layer: Marks, plot: Plot) -> Iterator[str]:
    """The latest first, so that it is the older one that is left out where two would cover each other."""
    others = [place for other in plot.layers if isinstance(other, Marks) for place in _places(other, plot)]
    shown: list[str] = []
    last = last_text = math.inf
    trend = []
    for (x, y), text in reversed([*zip(_places(layer, plot), layer.texts, strict=True)]):
        if last - x < _MARKS_APART:
            continue
        last = x
        trend.append((x, y))
        shown.append(_mark(x, y, layer))
        if layer.sign == "▼":  # at the top of a line: beside it, if there is room up to the next
            at, anchor = (x + 9, "start") if x + 9 + _LETTER * len(text) <= _RIGHT else (x - 9, "end")
            if last_text == math.inf or (anchor == "start" and at + _LETTER * len(text) <= last_text):
                shown.append(_text(at, y + 12, text, _class(layer.colour), anchor=anchor))
                last_text = at if anchor == "start" else at - _LETTER * len(text)
        elif text and last_text - x >= _TEXTS_APART:
            last_text = middle = min(x, _RIGHT - _LETTER * len(text) / 2)
            covers = any(abs(across - x) < _TEXTS_APART / 2 and y - 26 < up < y - 4 for across, up in others)
            shown.append(_text(middle, y + 22 if covers else y - 12, text, _class(layer.colour), anchor="middle"))
    if len(trend) > 1 and layer.sign not in "▲▼":
        yield f'<path class="trend {_class(layer.colour)}" d="M{_path(trend)}"/>'
    yield from shown


def _places(layer: Marks, plot: Plot) -> list[tuple[float, float]]:
    axis = plot.left if layer.side == "left" else plot.right
    return [*zip(_across(plot, layer.x), _up(axis, layer.y), strict=True)]


def _known(values: Sequence[float]) -> Iterator[slice]:
    """The stretches between the gaps."""
    for known, group in groupby(range(len(values)), key=lambda i: not math.isnan(values[i])):
        if known:
            indices = [*group]
            yield slice(indices[0], indices[-1] + 1)


# Shapes


def _class(colour: Colour) -> str:
    return colour.name.lower()


def _path(points: Iterable[tuple[float, float]]) -> str:
    return "L".join(f"{x} {y}" for x, y in points)


def _line(x1: float, y1: float, x2: float, y2: float, kind: str) -> str:
    return f'<line class="{kind}" x1="{x1}" y1="{y1}" x2="{x2}" y2="{y2}"/>'


_SHAPES = {
    "◆": "m0 -7l6 7l-6 7l-6 -7Z",
    "◇": "m0 -6l5 6l-5 6l-5 -6Z",
    "●": "m-4 0a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z",
    "★": "m0 -9l2.4 6l6.2 .3l-4.8 4l1.6 6.2l-5.4 -3.4l-5.4 3.4l1.6 -6.2l-4.8 -4l6.2 -.3Z",
    "▲": "m0 -6l6 11l-12 0Z",
    "▼": "m0 6l6 -11l-12 0Z",
}
"""The outline of each sign, from its middle."""


def _mark(x: float, y: float, layer: Marks) -> str:
    hollow = " hollow" if layer.sign == "◇" else ""
    return f'<path class="mark {_class(layer.colour)}{hollow}" d="M{x} {y}{_SHAPES[layer.sign]}"/>'


def _text(x: float, y: float, text: str, kind: str = "", *, anchor: str = "start") -> str:
    return f'<text class="{kind}" x="{x}" y="{y}" text-anchor="{anchor}">{escape(text)}</text>'


def _turned(x: float, name: str, degrees: int) -> str:
    """The name of an axis along it."""
    place = f"translate({x} {(_TOP + _BOTTOM) / 2}) rotate({degrees})"
    return f'<text transform="{place}" text-anchor="middle">{escape(name)}</text>'
