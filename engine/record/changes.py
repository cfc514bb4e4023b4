"""Constants that were changed while a run trained: which, when, and what they are at any iteration."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal, get_args

ChangeableName = Literal["learning_rate", "epochs"]

CHANGEABLE: tuple[ChangeableName, ...] = get_args(ChangeableName)
"""The constants that a run can change while it trains."""


@dataclass(frozen=True)
class Change:
    """A constant has another value from here on."""

    iteration: int
    """Iterations of the run that were done by then: the next one is the first with the new value."""
    name: ChangeableName
    before: int | float
    after: int | float


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
