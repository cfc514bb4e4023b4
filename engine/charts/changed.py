"""Constants that were changed while the network trained, as marks of a chart: a line, and the new value on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.charts.plot import Colour, Hairlines, Marks
from engine.control import ChangeableName


class Change(Protocol):
    """A constant has another value from here on; `Changed` is one."""

    @property
    def iteration(self) -> int:
        """Iterations that were done by then."""
        ...

    @property
    def name(self) -> ChangeableName: ...

    @property
    def after(self) -> int | float: ...


class ChangeMarks:
    """The changes between two iterations: lines for the background, and marks with the new values on top of them.

    Of several changes after the same iteration all are named.
    """

    def __init__(self, changes: Sequence[Change], first: int, end: int) -> None:
        texts: dict[int, list[str]] = {}
        for change in changes:
            if first <= change.iteration <= end:
                texts.setdefault(change.iteration, []).append(_text(change))
        self._x = tuple(float(iteration) for iteration in texts)
        self._texts = tuple(", ".join(each) for each in texts.values())

    def lines(self) -> Iterator[Hairlines]:
        if self._x:
            yield Hairlines(self._x, ("",) * len(self._x), Colour.CHANGE)

    def marks(self, top: float) -> Iterator[Marks]:
        """`top` is the value at the top of the left axis."""
        if self._x:
            yield Marks(self._x, (top,) * len(self._x), self._texts, "▼", "left", Colour.CHANGE, "changed")


def _text(change: Change) -> str:
    return f"rate {change.after:g}" if change.name == "learning_rate" else f"{change.after:g} epochs"
