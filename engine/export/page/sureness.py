"""How sure the network is, and how right: the reliability diagram."""

from __future__ import annotations

from engine.export.page.html import section
from engine.record.classified import Classified
from engine.record.metrics.calibration import BINS, calibration
from engine.record.metrics.top import top_accuracy

_SIDE, _LEFT, _TOP, _BOTTOM = 300, 48, 12, 44
"""Pixels: of the square, and beside it."""


def sureness(found: Classified) -> str:
    """Return the diagram with its figures in words."""
    measured = calibration(found)
    told = (
        f"<p>Expected calibration error: <b>{measured.error:.1f} points</b>. The true class is among the two most"
        f" probable ones for <b>{top_accuracy(found):.2f} %</b> of the images.</p>"
    )
    bars = "".join(
        _bar(b, confidence, accuracy, int(count), len(found))
        for b, (confidence, accuracy, count) in enumerate(
            zip(measured.confidence.tolist(), measured.accuracy.tolist(), measured.counts.tolist(), strict=True)
        )
        if count
    )
    axes = "".join(
        f'<text x="{_LEFT - 8}" y="{_y(percent) + 4:.0f}" text-anchor="end">{percent}</text>'
        f'<text x="{_LEFT + percent * _SIDE / 100:.0f}" y="{_TOP + _SIDE + 18}" text-anchor="middle">{percent}</text>'
        for percent in (0, 25, 50, 75, 100)
    )
    width, height = _LEFT + _SIDE + 16, _TOP + _SIDE + _BOTTOM
    return section(
        "How sure, how right",
        told,
        f'<svg viewBox="0 0 {width} {height}" width="{width}" role="img"><title>Accuracy by confidence</title>'
        f'<rect x="{_LEFT}" y="{_TOP}" width="{_SIDE}" height="{_SIDE}" style="fill:none;stroke:var(--rule)"/>{bars}'
        f'<line x1="{_LEFT}" y1="{_TOP + _SIDE}" x2="{_LEFT + _SIDE}" y2="{_TOP}"'
        f' style="stroke:var(--faint);stroke-dasharray:3 4"/>{axes}'
        f'<text x="{_LEFT + _SIDE / 2}" y="{height - 8}" text-anchor="middle">confidence in %, bars: accuracy</text>'
        "</svg>",
        '<p class="faint">A bar on the dashed line is as often right as it is sure; one below it is too sure.'
        " Denser bars stand for more images.</p>",
    )


def _y(percent: float) -> float:
    return _TOP + _SIDE * (1 - percent / 100)


def _bar(number: int, confidence: float, accuracy: float, count: int, images: int) -> str:
    left, width = _LEFT + number * _SIDE / BINS, _SIDE / BINS
    told = f"confidence {confidence:.1f} %, accuracy {accuracy:.1f} %, {count:,} images"
    density = 0.3 + 0.7 * (count / images) ** 0.5
    return (
        f'<rect x="{left + 1:.1f}" y="{_y(accuracy):.1f}" width="{width - 2:.1f}" height="{_SIDE * accuracy / 100:.1f}"'
        f' style="fill:var(--right);fill-opacity:{density:.2f}"><title>{told}</title></rect>'
    )
