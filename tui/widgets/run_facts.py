"""The facts of a run that stand beside its chart, from the most important to the least."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from engine.config import CONSTANTS
from engine.record.events import Evaluated, RunStarted
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.text import clean
from tui.look.wording import rate
from tui.widgets.fact_sheet import Section

MOST_EVALUATIONS = 50
"""More would not fit on any terminal."""

_ALWAYS = ("epochs", "batch_size", "learning_rate", "seed", "model")
"""Constants that are shown even if they are the notebook's; of the others, those that are not."""


def sections(record: RunRecord, pace: Pace, machine: Section | None = None) -> list[Section]:
    """Return the facts of a run whose training has begun, and of its machine where they are known."""
    started = record.started
    assert started is not None
    evaluations = record.evaluations[-MOST_EVALUATIONS:]
    split = evaluations[-1].split if evaluations else "validation" if started.validation_images else "test"
    accuracies = [(_after(record, done), f"{done.accuracy:.2f} %") for done in evaluations if done.split == split]
    awaited = "after epoch 1" if started.config.get("evaluate_each_epoch") else "at the end"
    return [
        Section("speed", tuple(_speed(record, pace))),
        *([Section("now", tuple(now))] if (now := _now(record)) else []),
        Section(f"{split} accuracy", tuple(accuracies or [(awaited, "")]), least_rows=3),
        *([machine] if machine is not None and machine.rows else []),
        Section("constants", tuple(_constants(record.constants_now))),
        Section("network", (("parameters", f"{started.parameters:,}"),)),
        Section(started.dataset.name, tuple(_images(started))),
    ]


def line(record: RunRecord, pace: Pace) -> str:
    """Return the speed and the newest accuracies in one line."""
    speed = [f"{value} {name}" for name, value in _speed(record, pace)]
    parts = []
    if record.evaluations:
        last = record.evaluations[-1]
        parts.append(f"{last.split} accuracy {last.accuracy:.2f} % {record.when(last)}")
    if record.trained:
        speed = speed[:1]  # there is no room for both
        parts.append(f"training {record.trained[-1].accuracy:.2f} %")
    return " · ".join([*speed, *parts])


def _now(record: RunRecord) -> list[tuple[str, str]]:
    """Return what is known beside the accuracy: whether the network only memorizes, and since when."""
    found, best = [], record.best
    if record.trained:
        found.append(("training accuracy", f"{record.trained[-1].accuracy:.2f} %"))
    if record.evaluations and (loss := record.evaluations[-1].loss) is not None:
        found.append((f"{record.evaluations[-1].split} loss", f"{loss:.4f}"))
    if best is not None and len(record.evaluations) > 1:
        found.append((f"best, {_after(record, best)}", f"{best.plain_accuracy:.2f} %"))
    return found


def _constants(config: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the constants that say how the run trains, those that were chosen before those that are always shown."""
    known = [c for c in CONSTANTS if c.group in ("training", "recipe") and c.name in config]
    chosen = [c for c in known if config[c.name] != c.default]
    for constant in [*chosen, *(c for c in known if c.name in _ALWAYS and c not in chosen)]:
        yield constant.label, _shown(config[constant.name])


def _images(started: RunStarted) -> Iterator[tuple[str, str]]:
    yield "training", f"{started.images:,}"
    if started.validation_images:
        yield "validation", f"{started.validation_images:,}"
    yield "test", f"{started.dataset.test_images:,}"


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
