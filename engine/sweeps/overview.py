"""A sweep as a whole: how far it is, its best trials, and how each constant bears on the result."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import fmean

from engine.sweeps.space import Axis, Choices
from engine.sweeps.spec import Spec
from engine.sweeps.sweep import ENDED, TrialState


@dataclass(frozen=True)
class Against:
    """One constant against the result: a point for each trial that has one."""

    name: str
    points: tuple[tuple[float, float], ...]
    """Where each trial lies, in the order of the trials: across by the constant, up by the result, from 0 to 1."""
    labels: tuple[tuple[float, str], ...]
    """Values of the constant, and where they lie."""


@dataclass(frozen=True)
class Overview:
    """A sweep as a whole."""

    ended: int
    planned: int
    training: int
    """Runs, not trials."""
    failed: int
    stopped: int
    best: tuple[TrialState, ...]
    """The completed trials, the best first."""
    left: float | None
    """Seconds until the end, if the rest goes as fast as what is done; None if it is not known."""
    against: tuple[Against, ...]
    """Each constant that is varied."""
    lowest: float = 0.0
    highest: float = 0.0
    """The worst and the best value, or the other way round: the range of the points."""


def ranked(states: Sequence[TrialState], *, maximize: bool) -> list[TrialState]:
    """Return the completed trials, the best first."""
    done = [state for state in states if state.status == "completed" and state.value is not None]
    return sorted(done, key=lambda state: state.value or 0.0, reverse=maximize)


def overview(spec: Spec, states: Sequence[TrialState]) -> Overview:
    """Return what the trials say together."""
    best = ranked(states, maximize=spec.goal.maximize)
    values = [state.value for state in best if state.value is not None]
    low, high = (min(values), max(values)) if values else (0.0, 0.0)
    height = high - low
    up = {each.trial.number: ((each.value or 0.0) - low) / height if height else 0.5 for each in best}
    done = sorted(best, key=lambda state: state.trial.number)
    against = tuple(
        Against(
            name,
            tuple((_across(axis, state.trial.values[name]), up[state.trial.number]) for state in done),
            _labels(axis),
        )
        for name, axis in spec.over.items()
    )
    runs = [run for state in states for run in state.runs]
    return Overview(
        ended=sum(state.status in ENDED for state in states),
        planned=spec.trials,
        training=sum(run.status == "training" for run in runs),
        failed=sum(state.status == "failed" for state in states),
        stopped=sum(state.status == "stopped" for state in states),
        best=tuple(best),
        left=_left(spec, states),
        against=against,
        lowest=low,
        highest=high,
    )


def _left(spec: Spec, states: Sequence[TrialState]) -> float | None:
    """Return the seconds that are left, from the training times of the runs that ended."""
    runs = [run for state in states for run in state.runs]
    took = [run.entry.train_seconds for run in runs if run.ended and run.entry and run.entry.train_seconds]
    going = [run for run in runs if run.status == "training"]
    if not took or not going:
        return None
    each = fmean(took)
    begun = sum(run.entry.left or each for run in going if run.entry is not None)
    waiting = spec.trials * spec.seeds - sum(run.ended or run.status == "training" for run in runs)
    skipped = sum(run.status == "waiting" for state in states if state.status in ENDED for run in state.runs)
    return (begun + each * max(0, waiting - skipped)) / len(going)


def _across(axis: Axis, value: object) -> float:
    if isinstance(axis, Choices):
        at = axis.values.index(value) if value in axis.values else 0
        return (at + 0.5) / len(axis.values)
    number = float(str(value))
    if axis.log:
        return math.log(number / axis.low) / math.log(axis.high / axis.low)
    return (number - axis.low) / (axis.high - axis.low)


def _labels(axis: Axis) -> tuple[tuple[float, str], ...]:
    if isinstance(axis, Choices):
        count = len(axis.values)
        return tuple(((i + 0.5) / count, str(value)) for i, value in enumerate(axis.values))
    return ((0.0, f"{axis.low:g}"), (1.0, f"{axis.high:g}"))
