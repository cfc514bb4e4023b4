"""How well the network does on the images that it is trained on, and on others, after each epoch."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.charts.axes import Axis, Tick, epoch_limits, iteration_axis, number, value_axis
from engine.charts.measured import Measured, Trained
from engine.charts.plot import Colour, Hairlines, Layer, Line, Marks, Note, Plot, Room, Sign

Quantity = Literal["accuracy", "loss"]

Points = list[tuple[int, float]]
"""Iterations and what was measured after them, in order."""


class EpochCurves:
    """The contract of `engine.charts.plot.Chart`: a curve of the training images and one of the evaluated ones.

    The training accuracy and the training loss are means over an epoch, of images as augmentation made them and of a
    network that still learns. Evaluations count as from one view, and only those while the network trained.
    """

    def __init__(self, iterations: int, batches: int, quantity: Quantity = "accuracy") -> None:
        self.iterations, self.batches = max(1, iterations), max(1, batches)
        self.quantity: Quantity = quantity
        self.split = "test"
        self.training: Points = []
        self.evaluated: Points = []

    def show(self, losses: NDArray[np.float32], evaluations: Sequence[Measured], trained: Sequence[Trained]) -> None:
        """Take in all losses, shape (n,), all evaluations and all epochs' training accuracies."""
        self.split = evaluations[0].split if evaluations else "test"
        during = [each for each in evaluations if each.split == self.split]
        if self.quantity == "accuracy":
            self.training = _by_iteration((each.iteration, each.accuracy) for each in trained)
            self.evaluated = _by_iteration((each.iteration, each.plain_accuracy) for each in during)
        else:
            ends = range(self.batches, len(losses) + 1, self.batches)
            self.training = _by_iteration(
                (end, float(losses[end - self.batches : end].mean(dtype=np.float64))) for end in ends
            )
            self.evaluated = _by_iteration((each.iteration, each.loss) for each in during)

    @property
    def gap(self) -> str:
        """How far the two are apart after the newest evaluation that both know, in words; empty if there is none."""
        training, evaluated = dict(self.training), dict(self.evaluated)
        both = sorted(training.keys() & evaluated.keys())
        if not both:
            return ""
        trains, other = training[both[-1]], evaluated[both[-1]]
        if self.quantity == "accuracy":
            return f"trains {trains:.1f} %, {self.split} {other:.1f} %: {abs(trains - other):.1f} points apart"
        return f"trains {number(trains)}, {self.split} {number(other)}: {number(abs(trains - other))} apart"

    # The declaration

    def plot(self, room: Room) -> Plot:
        values = [value for _, value in (*self.training, *self.evaluated)]
        left = self._axis(values, room) if values else None
        return Plot(
            name=f"{self.quantity} by epoch",
            x=iteration_axis(0, self.iterations, self.batches, room.columns),
            left=left,
            right=None,
            layers=tuple(self._layers(room)) if left else (),
            notes=(Note(self.gap),) if self.gap else (),
            mode="whole run",
            hint=f"no epoch has a known {self.quantity} yet",
        )

    def _axis(self, values: Sequence[float], room: Room) -> Axis:
        axis = value_axis(self.quantity, min(values), max(values), room.rows)
        if self.quantity == "loss":
            return axis
        ticks = tuple(Tick(tick.value, f"{tick.label} %") for tick in axis.ticks if tick.value <= 100)
        return Axis(axis.name, axis.low, min(100.0, axis.high) if axis.low < 100 else axis.high, ticks)

    def _layers(self, room: Room) -> Iterator[Layer]:
        ends = epoch_limits(0, self.iterations, self.batches, room.columns)
        yield Hairlines(tuple(ends), tuple(f"epoch {end // self.batches + 1:,}" for end in ends), Colour.EPOCH)
        sign: Sign = "◆" if self.quantity == "accuracy" else "●"
        colour = Colour.ACCURACY if self.quantity == "accuracy" else Colour.MEASURED
        yield from _curve(self.training, "◇", Colour.TRAINING, f"training {self.quantity}")
        yield from _curve(self.evaluated, sign, colour, f"{self.split} {self.quantity}")


def _curve(points: Points, sign: Sign, colour: Colour, legend: str) -> Iterator[Layer]:
    if points:
        x, y = zip(*points, strict=True)
        yield Line(np.array(x, dtype=np.float64), np.array(y, dtype=np.float64), colour)
        yield Marks(x, y, ("",) * len(x), sign, "left", colour, legend)


def _by_iteration(points: Iterable[tuple[int, float | None]]) -> Points:
    """The newest finite value of each iteration, in their order: the best weights are evaluated again at the end."""
    return sorted({at: value for at, value in points if value is not None and np.isfinite(value)}.items())
