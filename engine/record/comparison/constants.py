"""The constants of several runs beside each other, and which of them differ."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.config import CONSTANTS, shown
from engine.record.changes import in_effect
from engine.record.events import RunStarted
from engine.record.record import RunRecord
from engine.text import clean

if TYPE_CHECKING:
    from engine.record.comparison.groups import Group

PLACES = ("name", "runs_dir", "data_dir")
"""Constants that change nothing of what is computed."""

WHERE = ("device", "threads")
"""Constants that change the last digits at most."""

Value = str | int | float | bool


@dataclass(frozen=True)
class Difference:
    """One constant, or another fact of the same kind, in each group."""

    name: str
    """As in `config` of the records: `learning_rate`."""
    label: str
    values: tuple[str, ...]
    """In words, one a group; those of a group's runs if they differ."""
    differs: bool
    """Whether it is not the same in all groups, and changes what is computed."""


def constants_of(record: RunRecord) -> dict[str, Value]:
    """Return every constant of a run that has started, by name.

    One that an older version did not have has its default. One that was changed while the run trained is told with
    its values: `0.001 → 0.0003 at 4,000`.
    """
    assert record.started is not None
    defaults = {c.name: c.default for c in CONSTANTS}
    known: dict[str, Value] = {
        name: default if isinstance(default, str | int | float | bool) else str(default)
        for name, default in defaults.items()
    }
    config = known | record.started.config
    for change in in_effect(each.change for each in record.changes):
        config[change.name] = f"{config[change.name]} → {change.after} at {change.iteration:,}"
    return config


def differences(groups: Sequence[Group]) -> tuple[Difference, ...]:
    """Return every constant but the name, then what else decides about results: images, machine, versions."""
    configs = [[constants_of(run.record) for run in group.runs] for group in groups]
    labels = {c.name: c.label for c in CONSTANTS}
    names = dict.fromkeys([*labels, *(name for of_group in configs for config in of_group for name in config)])
    units = {c.name: c.unit for c in CONSTANTS}
    found = []
    for name in names:
        if name == "name":
            continue
        values = [[config.get(name, "") for config in of_group] for of_group in configs]
        # The path of the images says less than their fingerprint, which has a line of its own.
        matters = name not in (*PLACES, "data")
        found.append(_difference(name, labels.get(name, clean(name)), values, matters, units.get(name, "")))
    runs = [[run.started for run in group.runs] for group in groups]
    for name, label, tell in _FACTS:
        found.append(_difference(name, label, [[tell(run) for run in of_group] for of_group in runs], True))
    return tuple(found)


_FACTS: tuple[tuple[str, str, Callable[[RunStarted], str]], ...] = (
    ("images", "images", lambda run: f"{run.dataset.name} {run.dataset.fingerprint[:8]}"),
    ("computed_on", "computed on", lambda run: f"{run.device.kind} {run.device.name}"),
    ("torch", "torch", lambda run: run.versions.get("torch", "")),
    ("version", "cifar-tui", lambda run: run.versions.get("cifar-tui", "")),
)
"""What decides about results beside the constants: name, label, and how it is told of a run."""


def _difference(name: str, label: str, values: Sequence[Sequence[Value]], matters: bool, unit: str = "") -> Difference:
    differs = len({tuple(dict.fromkeys(of_group)) for of_group in values}) > 1
    return Difference(name, label, tuple(_told(of_group, unit) for of_group in values), differs and matters)


def _told(values: Sequence[Value], unit: str) -> str:
    """Return the values of one group in words: `0.001`, `0–4`, `cuda:0, cuda:1`."""
    different = list(dict.fromkeys(values))
    whole = sorted(value for value in different if isinstance(value, int) and not isinstance(value, bool))
    if len(whole) == len(different) > 2 and whole[-1] - whole[0] == len(whole) - 1:
        told = f"{whole[0]}–{whole[-1]}"
    else:
        told = ", ".join(clean(shown(value)) for value in different)
    return f"{told} {unit}" if unit and told else told
