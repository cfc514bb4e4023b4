"""Looks for the run that one that trains is measured against, and puts it behind its curve."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.screen import Screen

from engine.charts.reference import ReferenceCurve
from engine.record.events import RunStarted
from tui import work
from tui.charts.kinds.loss import LossChart
from tui.look.cells import cropped

if TYPE_CHECKING:
    from engine.use.reference import Reference

_NAME = 20
"""Cells of its name."""


def put_behind(screen: Screen[None], chart: LossChart, folder: Path, started: RunStarted) -> None:
    """Look once for the reference of the run in `folder`, off the event loop. Without one the chart stays as it is."""

    def found(reference: Reference | None) -> None:
        if reference is not None:
            chart.put_behind(_curve(reference, started))

    work.run(screen, partial(_look, folder, started), found, lambda _: None)


def _look(folder: Path, started: RunStarted) -> Reference | None:
    from engine.use.reference import reference_for

    return reference_for(folder, started)


def _curve(reference: Reference, started: RunStarted) -> ReferenceCurve:
    record, other = reference.record, reference.record.started
    assert other is not None
    smoothing = "label_smoothing"
    return ReferenceCurve(
        cropped(reference.name, _NAME),
        record.losses,
        other.batches,
        {(each.split, each.iteration): each.plain_accuracy for each in record.evaluations},
        why="pinned" if reference.is_pinned else "best earlier run",
        same_loss=other.config.get(smoothing, 0) == started.config.get(smoothing, 0),
    )
