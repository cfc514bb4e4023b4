"""The facts of a run that stand beside its chart, from the most important to the least."""

from __future__ import annotations

from engine.config import CONSTANTS
from engine.record.events import Evaluated
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.text import clean
from tui.look.wording import rate
from tui.widgets.fact_sheet import Section

MOST_EVALUATIONS = 50
"""More would not fit on any terminal."""


def sections(record: RunRecord, pace: Pace) -> list[Section]:
    """Return the facts of a run whose training has begun."""
    started = record.started
    assert started is not None
    evaluations = record.evaluations[-MOST_EVALUATIONS:]
    accuracies = [(_after(record, done), f"{done.accuracy:.2f} %") for done in evaluations]
    awaited = "after epoch 1" if started.config.get("evaluate_each_epoch") else "at the end"
    constants = [(c.label, _shown(started.config.get(c.name))) for c in CONSTANTS if c.group == "training"]
    images = started.dataset
    return [
        Section("speed", tuple(_speed(record, pace))),
        Section("test accuracy", tuple(accuracies or [(awaited, "")]), least_rows=4),
        Section("constants", tuple(constants)),
        Section("network", (("parameters", f"{started.parameters:,}"),)),
        Section(images.name, (("training", f"{images.train_images:,}"), ("test", f"{images.test_images:,}"))),
    ]


def line(record: RunRecord, pace: Pace) -> str:
    """Return the speed and the newest accuracy in one line."""
    parts = [f"{value} {name}" for name, value in _speed(record, pace)]
    if record.evaluations:
        last = record.evaluations[-1]
        parts.append(f"test accuracy {last.accuracy:.2f} % {record.when(last)}")
    return " · ".join(parts)


def _speed(record: RunRecord, pace: Pace) -> list[tuple[str, str]]:
    rates = pace.iterations_per_second, pace.images_per_second(record)
    shown = [rate(each, "").strip() if each else "–" for each in rates]
    return list(zip(("iterations/s", "images/s"), shown, strict=True))


def _after(record: RunRecord, done: Evaluated) -> str:
    """Return `epoch 7` or `6.7 epochs`."""
    return record.when(done).removeprefix("after ").partition(" (")[0]


def _shown(value: object) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:,}" if isinstance(value, int) else clean(value)
