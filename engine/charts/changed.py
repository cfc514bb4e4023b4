"""Constants that were changed while the network trained, as marks of a chart: a line, and the new value on it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

from engine.charts.plot import Colour, Hairlines, Layer, Marks
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


def change_layers(changes: Sequence[Change], first: int, end: int, top: float) -> Iterator[Layer]:
    """Yield the lines and marks of the changes from `first` to `end`; `top` is the value at the top of the left axis.

    Of several changes after the same iteration all are named.
    """
    texts: dict[int, list[str]] = {}
    for change in changes:
        if first <= change.iteration <= end:
            texts.setdefault(change.iteration, []).append(_text(change))
    if texts:
        x = tuple(float(iteration) for iteration in texts)
        named = tuple(", ".join(each) for each in texts.values())
        yield Hairlines(x, ("",) * len(x), Colour.CHANGE)
        yield Marks(x, (top,) * len(x), named, "▼", "left", Colour.CHANGE, "changed")


def _text(change: Change) -> str:
    return f"rate {change.after:g}" if change.name == "learning_rate" else f"{change.after:g} epochs"
