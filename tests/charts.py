"""Made-up evaluations, and a chart that shares only the renderers with the loss chart."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from engine.charts.axes import value_axis
from engine.charts.plot import Colour, Hairlines, Line, Marks, Note, Plot, Room
from engine.record.events import SplitName


@dataclass(frozen=True)
class EpochAccuracy:
    """An evaluation with a made-up accuracy, in percent."""

    iteration: int
    accuracy: float
    split: SplitName = "test"
    loss: float | None = None

    @property
    def plain_accuracy(self) -> float:
        return self.accuracy


@dataclass(frozen=True)
class RateChart:
    """Losses at learning rates from 1e-6 to 1, on a logarithmic axis, with the best of them marked."""

    points: int = 13

    def plot(self, room: Room) -> Plot:
        rates = np.geomspace(1e-6, 1, self.points)
        losses = 2 - 1.5 * np.exp(-((np.log10(rates) + 2) ** 2))
        best = int(losses.argmin())
        return Plot(
            name="learning rate",
            x=value_axis("learning rate", 1e-6, 1, room.columns // 2, log=True),
            left=value_axis("loss", 0, 2, room.rows),
            right=None,
            layers=(
                Hairlines((1e-3,), ("chosen",), Colour.EPOCH, "chosen now"),
                Line(rates, losses, Colour.LINE, "loss"),
                Marks((rates[best],), (losses[best],), ("0.01",), "◆", "left", Colour.ACCURACY, "lowest"),
            ),
            notes=(Note("lowest at 0.01"), Note("one rate diverged", warning=True)),
            mode="13 rates",
        )
