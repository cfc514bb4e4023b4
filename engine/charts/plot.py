"""What a chart is made of: axes, and layers of values between them.

A chart is an object with a method `plot(room)`. It declares what is to be seen for the room there is: how many points
can be told apart, and how many characters fit along the axes. A renderer asks for the plot and draws it. So a new chart
is one file in this folder, and neither renderer changes.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import IntEnum
from typing import Literal, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.charts.axes import Axis

Values = NDArray[np.float64]
"""One number a point, shape (n,). NaN is a gap."""


class Colour(IntEnum):
    """What a layer is coloured as. Each renderer has a style for each of them."""

    AXIS = 0
    EPOCH = 1
    BAND = 2
    LINE = 3
    ACCURACY = 4
    WARNING = 5
    TRAINING = 6
    MEASURED = 7
    REFERENCE = 8
    RUN_1 = 9
    RUN_2 = 10
    RUN_3 = 11
    RUN_4 = 12
    RUN_5 = 13
    RUN_6 = 14
    RUN_7 = 15
    RUN_8 = 16
    CHANGE = 17


RUNS = tuple(colour for colour in Colour if colour.name.startswith("RUN_"))
"""The colours of runs beside each other."""


@dataclass(frozen=True)
class Room:
    """What fits on a renderer's canvas."""

    points: int
    """Values that can be told apart along the x axis."""
    columns: int
    """Characters along the x axis."""
    rows: int
    """Characters along the axes at the sides."""


@dataclass(frozen=True)
class Hairlines:
    """Thin lines over the whole height. Each text names what begins there; it is left out where there is no room."""

    x: tuple[float, ...]
    texts: tuple[str, ...]
    colour: Colour
    legend: str = ""


@dataclass(frozen=True, eq=False)
class Band:
    """The area from `low` to `high`, on the left axis, over increasing `x`."""

    x: Values
    low: Values
    high: Values
    colour: Colour
    legend: str = ""


@dataclass(frozen=True, eq=False)
class Line:
    """`y`, on the left axis, over increasing `x`."""

    x: Values
    y: Values
    colour: Colour
    legend: str = ""
    thin: bool = False
    """Whether it stays in the background."""


Sign = Literal["◆", "◇", "●", "★", "▲", "▼"]


@dataclass(frozen=True)
class Marks:
    """A sign at each point, with its text where there is room. The latest points come last; their texts come first."""

    x: tuple[float, ...]
    y: tuple[float, ...]
    texts: tuple[str, ...]
    sign: Sign
    side: Literal["left", "right"]
    """The axis that `y` belongs to."""
    colour: Colour
    legend: str = ""


Layer = Hairlines | Band | Line | Marks


@dataclass(frozen=True)
class Note:
    """A number worth reading, in words."""

    text: str
    warning: bool = False


@dataclass(frozen=True, eq=False)
class Plot:
    """All that a renderer needs to draw a chart once. Nothing in it changes later."""

    name: str
    x: Axis
    left: Axis | None
    """None while there is nothing to draw; `hint` then says why."""
    right: Axis | None
    layers: tuple[Layer, ...]
    """From the lowest to the uppermost."""
    notes: tuple[Note, ...]
    """The most important one first."""
    mode: str
    """Which part of the values is shown, and how."""
    hint: str = ""


class Chart(Protocol):
    def plot(self, room: Room) -> Plot: ...
