"""What the loss chart declares, whatever draws it."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.charts.loss import LossCurve
from engine.charts.plot import Hairlines, Line, Marks, Plot, Room
from engine.charts.windows import Window
from tests.charts import EpochAccuracy

ROOM = Room(points=200, columns=100, rows=30)


def falling(iterations: int) -> NDArray[np.float32]:
    noise = np.random.default_rng(0).normal(0, 0.1, iterations)
    return (0.7 + 1.6 * np.exp(-np.arange(iterations) / iterations * 8) + noise).astype(np.float32)


def plotted(losses: NDArray[np.float32], iterations: int = 0, *, log: bool = False) -> Plot:
    curve = LossCurve(iterations or len(losses), 1_563)
    curve.log_scale = log
    curve.show(losses, [])
    return curve.plot(ROOM)


def above(plot: Plot) -> list[Marks]:
    return [layer for layer in plot.layers if isinstance(layer, Marks) and layer.sign == "▲"]


def test_one_loss_out_of_range_does_not_flatten_the_curve() -> None:
    """After a single loss of 4e7 the curve is still seen; a mark and the legend tell where it was and how high."""
    losses = falling(6_252)
    usual = plotted(losses).left
    losses[3_000] = 4e7
    plot = plotted(losses)
    assert plot.left == usual
    (outlier,) = above(plot)
    assert outlier.x == pytest.approx((3_000,), abs=32)
    assert outlier.legend == "above the axis, up to 4.0e7"


@pytest.mark.parametrize("where", [0, 1, 3_125, 6_251])
def test_an_outlier_is_cut_off_wherever_it_is(where: int) -> None:
    """At the start and the end of a run, too."""
    losses = falling(6_252)
    losses[where] = 1e30
    left = plotted(losses).left
    assert left is not None
    assert left.high < 5


def test_the_start_of_a_curve_is_never_cut_off() -> None:
    """A network that learns its images by heart falls from 2.3 to 0.001: all of that is in sight."""
    losses = np.concatenate([np.linspace(2.3, 0.001, 200), np.full(9_800, 0.001)]).astype(np.float32)
    plot = plotted(losses)
    assert plot.left is not None
    assert plot.left.high >= 2.3
    assert not above(plot)


def test_losses_that_rise_are_not_outliers() -> None:
    """A run that diverges shows how, as far as its axis can."""
    plot = plotted(np.geomspace(2, 2_000, 5_000).astype(np.float32))
    assert plot.left is not None
    assert plot.left.high >= 2_000
    assert not above(plot)


def test_a_spike_of_nine_times_the_loss_is_drawn_in_full() -> None:
    """What still leaves the curve readable is no outlier."""
    losses = np.ones(400_000, dtype=np.float32)
    losses[200_000] = 9
    plot = plotted(losses)
    assert plot.left is not None
    assert plot.left.high >= 9
    assert not above(plot)


def test_a_logarithmic_axis_holds_every_loss() -> None:
    """Nothing is cut off where there is room for everything."""
    losses = falling(6_252)
    losses[3_000] = 4e7
    plot = plotted(losses, log=True)
    assert plot.left is not None
    assert plot.left.high >= 4e7
    assert not above(plot)


def test_the_smoothed_line_does_not_lie_at_the_edge() -> None:
    """Where the smoothed loss is above the axis, there is no line, instead of one at the wrong height."""
    losses = falling(6_252)
    losses[3_000] = 4e7
    plot = plotted(losses)
    (line,) = [layer for layer in plot.layers if isinstance(layer, Line)]
    assert plot.left is not None
    assert np.isnan(line.y).any()
    assert np.nanmax(line.y) <= plot.left.high


def test_a_long_run_is_shown_so_far_until_a_third_is_done() -> None:
    """The first minutes of a run of hours fill the chart, smoothed as a short run is; then comes the whole run."""
    curve = LossCurve(600_000, 1_563)
    curve.show(falling(3_000), [])
    early = curve.plot(ROOM)
    assert early.mode == "so far"
    assert early.x.high < 3 * 3_000
    assert any(isinstance(layer, Line) and layer.legend == "smoothed over 100" for layer in early.layers)
    curve.show(falling(200_001), [])
    late = curve.plot(ROOM)
    assert (late.mode, late.x.high) == ("whole run", 600_000)


def test_a_chosen_part_and_smoothing_stay() -> None:
    """What a person chose by key does not change while the run goes on."""
    curve = LossCurve(62_520, 1_563)
    curve.show(falling(100), [])
    curve.next_window()
    curve.smooth(1)
    chosen = curve.smoothing
    curve.next_window()
    curve.show(falling(60_000), [])
    assert curve.window is Window.RECENT
    assert curve.smoothing == chosen


def test_epochs_and_accuracies_in_sight_are_declared() -> None:
    """Epochs begin at hairlines, and each accuracy stands at its iteration, in percent."""
    curve = LossCurve(6_252, 1_563)
    curve.show(falling(6_252), [EpochAccuracy(1_563, 56.5), EpochAccuracy(3_126, 63.1), EpochAccuracy(3_127, np.nan)])
    plot = curve.plot(ROOM)
    assert Hairlines((1_563, 3_126, 4_689), ("epoch 2", "epoch 3", "epoch 4"), plot.layers[0].colour) in plot.layers
    (marks,) = [layer for layer in plot.layers if isinstance(layer, Marks)]
    assert (marks.x, marks.y, marks.texts) == ((1_563, 3_126), (56.5, 63.1), ("56.5 %", "63.1 %"))
    assert plot.right is not None


def test_the_same_plot_whenever_it_is_asked_for() -> None:
    """A plot is a snapshot: losses that come later do not change it."""
    curve = LossCurve(6_252, 1_563)
    curve.show(falling(3_000), [])
    plot = curve.plot(ROOM)
    (line,) = [layer for layer in plot.layers if isinstance(layer, Line)]
    before = line.y.copy()
    curve.show(falling(6_000), [])
    curve.plot(ROOM)
    np.testing.assert_array_equal(line.y, before)


def marks(plot: Plot) -> dict[str, Marks]:
    return {layer.legend: layer for layer in plot.layers if isinstance(layer, Marks)}


def test_overfitting_is_seen_at_a_glance() -> None:
    """Training accuracy, accuracy and loss of the test images are marks of three kinds, each on its axis."""
    curve = LossCurve(4, 2)
    curve.show(
        np.array([2, 1, 0.5, 0.2], dtype=np.float32),
        [EpochAccuracy(2, 60, loss=1.2), EpochAccuracy(4, 58, loss=2.5)],
        [EpochAccuracy(2, 65), EpochAccuracy(4, 95)],
    )
    plot = curve.plot(ROOM)
    found = marks(plot)
    assert [*found] == ["training accuracy", "test loss", "test accuracy"]
    heights = [each.y for each in found.values()]
    assert heights == [(65, 95), (1.2, 2.5), (60, 58)]
    assert [each.side for each in found.values()] == ["right", "left", "right"]
    assert len({each.sign for each in found.values()}) == len({each.colour for each in found.values()}) == 3
    assert plot.left is not None
    assert plot.left.high >= 2.5  # the loss of the test images is in sight, though no batch had such a one


def test_with_validation_the_test_accuracy_is_a_mark_of_its_own() -> None:
    """Accuracies on held out images are called so; the test images, used once at the end, have another sign."""
    curve = LossCurve(4, 2)
    first, second = (EpochAccuracy(at, at * 20, split="validation", loss=1.0) for at in (2, 4))
    curve.show(np.ones(4, dtype=np.float32), [first, second, EpochAccuracy(2, 41.5, loss=1.1)])
    found = marks(curve.plot(ROOM))
    assert [*found] == ["validation loss", "validation accuracy", "test accuracy"]
    assert (found["test accuracy"].x, found["test accuracy"].texts) == ((2,), ("41.5 %",))
    assert found["validation accuracy"].texts == ("", "80.0 %")  # in the place of the first stands the test accuracy
    assert found["test accuracy"].sign != found["validation accuracy"].sign


def test_the_best_weights_are_marked_once() -> None:
    """An evaluation of the best weights at the end takes the place of the one when they were reached."""
    curve = LossCurve(6, 2)
    at = [EpochAccuracy(2, 50), EpochAccuracy(4, 70), EpochAccuracy(6, 60), EpochAccuracy(4, 71)]
    curve.show(np.ones(6, dtype=np.float32), at)
    accuracy = marks(curve.plot(ROOM))["test accuracy"]
    assert (accuracy.x, accuracy.y) == ((2, 4, 6), (50, 71, 60))
