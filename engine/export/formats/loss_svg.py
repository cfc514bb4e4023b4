"""loss.svg: the loss chart, for a page or a paper."""

from __future__ import annotations

from engine.export.curve import curve
from engine.record.record import RunRecord


def loss_svg(record: RunRecord) -> str:
    return curve(record)
