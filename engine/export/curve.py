"""The loss chart of a run as SVG, with the run's constants and result over it."""

from __future__ import annotations

from unicodedata import east_asian_width

from engine.charts.loss import LossCurve
from engine.charts.svg import Heading, svg
from engine.record.record import RunRecord
from engine.text import clean


def curve(record: RunRecord) -> str:
    """Return the picture of a run that has started, as an SVG document of bounded size."""
    started, losses, evaluation = record.started, record.losses, record.evaluation
    assert started is not None
    chart = LossCurve(len(losses), started.batches)
    chart.show(losses, record.evaluations, record.trained, record.changes)
    config, dataset = started.config, started.dataset
    model = _cropped(clean(config.get("model", "")), 20)
    about = f"{_cropped(clean(dataset.name), 30)} · {model} · {record.length}"
    rate, now = config.get("learning_rate"), record.constants_now.get("learning_rate")
    rates = f"{rate}" if rate == now else f"{rate} → {now}"
    about += f" · batch size {config.get('batch_size')} · learning rate {rates} · {record.status}"
    result = "not evaluated"
    if evaluation:
        last = record.evaluations[-1]
        views = f" with {last.views} views" if last.views > 1 else ""
        result = f"{evaluation.accuracy:.2f} % of {evaluation.total:,} {last.split} images{views}"
    return svg(chart, Heading(_cropped(clean(started.name), 44), result, about))


def _cropped(text: str, cells: int) -> str:
    """`text` in at most `cells` times the width of a Latin letter."""
    width = 0
    for i, c in enumerate(text):
        width += 2 if east_asian_width(c) in "WF" else 1
        if width > cells:
            return text[:i].rstrip() + "…"
    return text
