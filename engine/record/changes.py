"""Constants that were changed while a run trained: which, when, and what they are at any iteration."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Annotated

from pydantic import ConfigDict, Field
from pydantic.dataclasses import dataclass

from engine.control import ChangeableName

Value = Annotated[int, Field(ge=1, le=2**20)] | Annotated[float, Field(ge=0, le=1e6)]
"""Of a constant that can change: epochs, or a learning rate."""


@dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Change:
    """A constant has another value from here on."""

    iteration: Annotated[int, Field(ge=0, le=2**62)]
    """Iterations of the run that were done by then: the next one is the first with the new value."""
    name: ChangeableName
    before: Value
    after: Value


def in_effect(changes: Iterable[Change]) -> tuple[Change, ...]:
    """Return which of `changes`, in the order in which they were made, count, ordered by iteration.

    A run that goes back to a checkpoint meets its later changes again. One that is made meanwhile takes the place of
    those of the same constant that would have followed, and of one between the same two iterations.
    """
    found: list[Change] = []
    for change in changes:
        found = [each for each in found if each.name != change.name or each.iteration < change.iteration]
        found.append(change)
    return tuple(sorted(found, key=lambda each: each.iteration))


def value_at(name: ChangeableName, first: float, changes: Iterable[Change], iteration: int) -> int | float:
    """Return the value of a constant in the iteration after so many; it was `first` at the start of the run.

    `changes` are those that count, ordered by iteration.
    """
    value: int | float = first
    for change in changes:
        if change.name == name and change.iteration <= iteration:
            value = change.after
    return value
