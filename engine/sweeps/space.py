"""The values that a sweep tries: for each of some constants a range or a list of choices."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.config import CONSTANTS, Constant

Value = str | int | float | bool

_NAMES = {constant.name: constant for constant in CONSTANTS}

_NOT_SWEPT = {constant.name for constant in CONSTANTS if constant.group in ("run", "machine")} | {"data_dir"}
"""Constants that say where things are: the sweep chooses them."""


@dataclass(frozen=True)
class Choices:
    """One of these values."""

    values: tuple[Value, ...]

    @property
    def told(self) -> str:
        return ",".join(map(str, self.values))


@dataclass(frozen=True)
class Range:
    """A number from `low` to `high`, both included."""

    low: float
    high: float
    log: bool
    """Whether numbers are drawn evenly on a logarithmic scale."""
    whole: bool

    @property
    def told(self) -> str:
        return f"{'log:' * self.log}{self.low:g}:{self.high:g}"


Axis = Choices | Range


def read_axes(given: Mapping[str, object]) -> tuple[dict[str, Axis], dict[str, str]]:
    """Return the axes by the names of their constants, and what is wrong with the others, by name.

    A value is a text as on the command line (`a,b,c`, `low:high` or `log:low:high`) or, from TOML, a list of choices.
    """
    axes: dict[str, Axis] = {}
    problems: dict[str, str] = {}
    for name, value in given.items():
        constant = _NAMES.get(name)
        if constant is None:
            problems[name] = (
                f"there is no such constant; there are {', '.join(n for n in _NAMES if n not in _NOT_SWEPT)}"
            )
        elif name in _NOT_SWEPT:
            problems[name] = "it says where a run is or what computes it, which the sweep decides"
        else:
            try:
                axes[name] = _axis(constant, value)
            except ValueError as error:
                problems[name] = str(error)
    return axes, problems


def _axis(constant: Constant, value: object) -> Axis:
    if isinstance(value, str):
        is_range = constant.type in (int, float) and ":" in value
        return _range(constant, value) if is_range else _choices(constant, [part.strip() for part in value.split(",")])
    if isinstance(value, Sequence):
        return _choices(constant, value)
    return _choices(constant, [value])


def _choices(constant: Constant, values: Sequence[object]) -> Choices:
    read = [constant.read(value) for value in values if str(value).strip()]
    if not read:
        raise ValueError("there is nothing to choose from; write for example a,b,c")
    doubled = [value for i, value in enumerate(read) if value in read[:i]]
    if doubled:
        raise ValueError(f"{doubled[0]} stands there twice")
    return Choices(tuple(read))


def _range(constant: Constant, text: str) -> Range:
    log = text.startswith("log:")
    ends = text.removeprefix("log:").split(":")
    if len(ends) != 2:
        raise ValueError(f"{text} is no range; write low:high, or log:low:high for a logarithmic scale")
    low, high = (constant.read(end.strip()) for end in ends)
    if not low < high:
        raise ValueError(f"the range {text} is empty: {low:g} is not below {high:g}")
    if log and low <= 0:
        raise ValueError(f"a logarithmic scale begins above 0, and {text} begins at {low:g}")
    return Range(low, high, log, constant.type is int)


def grid(axes: Mapping[str, Axis], number: int) -> dict[str, Value] | None:
    """Return combination `number` of all choices, from 0; None after the last. The last name changes fastest."""
    values: dict[str, Value] = {}
    for name, axis in reversed(list(axes.items())):
        if not isinstance(axis, Choices):
            raise TypeError(f"{name} is a range")
        number, at = divmod(number, len(axis.values))
        values[name] = axis.values[at]
    return None if number else dict(reversed(values.items()))


def grid_size(axes: Mapping[str, Axis]) -> int:
    """Return how many combinations of choices there are."""
    return math.prod(len(axis.values) for axis in axes.values() if isinstance(axis, Choices))


def as_json(axes: Mapping[str, Axis]) -> dict[str, Any]:
    """Return the axes as `read_axes` reads them."""
    return {name: list(axis.values) if isinstance(axis, Choices) else axis.told for name, axis in axes.items()}
