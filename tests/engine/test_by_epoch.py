"""What the curves by epoch declare, whatever draws them."""

from __future__ import annotations

import numpy as np
import pytest

from engine.charts.by_epoch import EpochCurves, Quantity
from engine.charts.plot import Line, Marks, Room
from tests.charts import EpochAccuracy

ROOM = Room(points=200, columns=100, rows=20)


def curves(quantity: Quantity, epochs: int = 3) -> EpochCurves:
    """Return curves of 4 epochs of 10 iterations after so many of them, and of the best weights, tested at the end."""
    chart = EpochCurves(40, 10, quantity)
    losses = np.repeat(np.arange(epochs, 0, -1), 10).astype(np.float32)
    losses = np.append(losses, np.float32(9))  # of an epoch that is not over
    evaluations = [EpochAccuracy(10 * i, 50 + 10 * i, split="validation", loss=3 - i / 2) for i in range(1, epochs + 1)]
    trained = [EpochAccuracy(10 * i, 60 + 12.5 * i) for i in range(1, epochs + 1)]
    chart.show(losses, [*evaluations, EpochAccuracy(20, 99.0)], trained)
    return chart


@pytest.mark.parametrize(
    ("quantity", "training", "evaluated"),
    [("accuracy", [72.5, 85.0, 97.5], [60, 70, 80]), ("loss", [3, 2, 1], [2.5, 2.0, 1.5])],
)
def test_two_curves(quantity: Quantity, training: list[float], evaluated: list[float]) -> None:
    """Each epoch has a point of the training images and one of the evaluated ones; the final test is not among them."""
    plot = curves(quantity).plot(ROOM)
    lines = [layer for layer in plot.layers if isinstance(layer, Line)]
    assert [line.x.tolist() for line in lines] == [[10, 20, 30]] * 2
    assert [line.y.tolist() for line in lines] == [training, evaluated]
    assert [layer.legend for layer in plot.layers if isinstance(layer, Marks)] == [
        f"training {quantity}",
        f"validation {quantity}",
    ]
    assert plot.left is not None
    assert plot.left.low <= min(*training, *evaluated)
    assert plot.left.high >= max(*training, *evaluated)


def test_gap_in_words() -> None:
    """The title tells how far the two are apart after the newest epoch."""
    told = [note.text for quantity in ("accuracy", "loss") for note in curves(quantity).plot(ROOM).notes]
    assert told == [
        "trains 97.5 %, validation 80.0 %: 17.5 points apart",
        "trains 1.00, validation 1.50: 0.50 apart",
    ]


@pytest.mark.parametrize("quantity", ["accuracy", "loss"])
def test_nothing_measured_yet(quantity: Quantity) -> None:
    """Before the first epoch is over, and where losses are no numbers, the chart says that nothing is known."""
    chart = EpochCurves(40, 10, quantity)
    chart.show(np.full(15, np.nan, dtype=np.float32), [], [])
    plot = chart.plot(ROOM)
    assert (plot.left, plot.notes, plot.hint) == (None, (), f"no epoch has a known {quantity} yet")


def test_accuracy_never_above_all_images() -> None:
    """The axis of accuracies ends at 100 %."""
    chart = EpochCurves(20, 10)
    chart.show(np.empty(0, dtype=np.float32), [EpochAccuracy(10, 99.0), EpochAccuracy(20, 100.0)], [])
    left = chart.plot(ROOM).left
    assert left is not None
    assert (left.high, left.ticks[-1].label) == (100, "100.0 %")
