from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.record.bins import SPANS, STRIDE, Bins, ExponentialAverage, History, level_for


def losses_of(iterations: int, seed: int = 0) -> np.ndarray[tuple[int], np.dtype[np.float32]]:
    return np.random.default_rng(seed).normal(1, 0.2, iterations).astype(np.float32)


@given(iterations=st.integers(1, 400), columns=st.integers(1, 60), cuts=st.lists(st.integers(0, 400), max_size=6))
def test_bins_hold_the_extremes_however_the_losses_arrive(iterations: int, columns: int, cuts: list[int]) -> None:
    """A bin shows the lowest and highest loss of exactly its own iterations, in however many frames they came."""
    losses = losses_of(iterations)
    bins = Bins(0, iterations, columns, span=10)
    for cut in [*sorted(cuts), iterations]:
        bins.extend(losses[:cut])
    count = min(columns, iterations)
    expected: list[list[float]] = [[] for _ in range(count)]
    for iteration, loss in enumerate(losses):
        expected[iteration * count // iterations].append(float(loss))
    assert bins.low.tolist() == [min(values) for values in expected]
    assert bins.high.tolist() == [max(values) for values in expected]


def test_a_finished_bin_never_changes() -> None:
    """What has been drawn stays where it is while more losses arrive."""
    losses = losses_of(1_000)
    bins = Bins(0, 1_000, 50, span=25)
    bins.extend(losses[:400])
    before = [array[:20].copy() for array in (bins.low, bins.high, bins.smoothed)]
    bins.extend(losses[:500])
    for array, kept in zip((bins.low, bins.high, bins.smoothed), before, strict=True):
        assert array[:20].tolist() == kept.tolist()


def test_each_loss_is_looked_at_once() -> None:
    """A frame late in a long run costs no more than one at its start."""
    losses = losses_of(60_000)
    bins = Bins(0, 60_000, 200, span=100)
    for seen in range(0, 60_001, 500):
        before = bins.taken
        bins.extend(losses[:seen])
        assert bins.taken - before <= 500
    assert bins.taken == 60_000


def test_a_spike_among_hundreds_of_thousands_is_kept() -> None:
    """One bad batch stays visible in the longest run."""
    losses = losses_of(600_000)
    losses[432_101], losses[123_456] = 50, -50
    bins = Bins(0, 600_000, 200, span=100)
    bins.extend(losses)
    assert bins.high[432_101 * 200 // 600_000] == 50
    assert bins.low[123_456 * 200 // 600_000] == -50


def test_a_bin_without_a_finite_loss_is_a_gap() -> None:
    """NaN and infinities are left out of a bin, and a bin of nothing else stays empty."""
    losses = losses_of(100)
    losses[20:30] = np.nan
    losses[40], losses[41] = np.inf, -np.inf
    bins = Bins(0, 100, 10, span=10)
    bins.extend(losses)
    assert np.flatnonzero(np.isnan(bins.low)).tolist() == [2]
    assert np.flatnonzero(np.isnan(bins.high)).tolist() == [2]
    assert np.flatnonzero(np.isnan(bins.smoothed)).tolist() == [2]
    assert bins.high[4] == losses[42:50].max()


@pytest.mark.parametrize("span", [1, 10, 100, 1_000])
def test_the_smoothed_line_is_the_bias_corrected_moving_average(span: int) -> None:
    """The smoothed loss is the formula of the literature, written out one value at a time."""
    losses = losses_of(3_000)
    average = ExponentialAverage(span)
    for start in range(0, 3_000, 371):
        average.extend(losses[start : start + 371])
    decay = 1 - 2 / (span + 1)
    moving = 0.0
    for loss in losses:
        moving = decay * moving + (1 - decay) * float(loss)
    assert average.value == pytest.approx(moving / (1 - decay ** len(losses)), rel=1e-9)


def test_the_first_smoothed_loss_is_the_first_loss() -> None:
    """The smoothed line starts at the curve, not at zero."""
    average = ExponentialAverage(1_000)
    assert math.isnan(average.value)
    average.extend(np.array([2.5], dtype=np.float32))
    assert average.value == pytest.approx(2.5)


def test_a_later_part_is_smoothed_with_what_came_before_it() -> None:
    """The line of the recent part is the line of the whole run."""
    losses = losses_of(2_000)
    whole, part = Bins(0, 2_000, 2_000, span=50), Bins(1_500, 2_000, 500, span=50)
    whole.extend(losses)
    part.extend(losses)
    assert part.smoothed == pytest.approx(whole.smoothed[1_500:])
    assert part.taken < 2_000


@given(
    iterations=st.integers(2_000, 30_000),
    columns=st.integers(1, 20),
    seen=st.floats(0.1, 1),
    first=st.integers(0, 1_500),
    span=st.sampled_from(SPANS),
    gaps=st.lists(st.tuples(st.integers(0, 30_000), st.integers(1, 2_000)), max_size=3),
)
def test_bins_of_a_run_that_was_not_watched_are_those_of_one_that_was(
    iterations: int, columns: int, seen: float, first: int, span: int, gaps: list[tuple[int, int]]
) -> None:
    """A chart at another size, part or smoothing shows the curve that every single loss gives."""
    losses = losses_of(iterations)
    for start, length in gaps:
        losses[start : start + length] = np.nan
        losses[start : start + 1] = np.inf
    losses = losses[: max(first + 1, int(seen * iterations))]
    watched, anew = (Bins(first, iterations, columns, span) for _ in range(2))
    for until in range(first + 1, len(losses) + 700, 700):
        watched.extend(losses[:until])
    anew.extend(losses)
    assert watched.low.tolist() == pytest.approx(anew.low.tolist(), nan_ok=True, rel=0)
    assert watched.high.tolist() == pytest.approx(anew.high.tolist(), nan_ok=True, rel=0)
    assert watched.smoothed.tolist() == pytest.approx(anew.smoothed.tolist(), nan_ok=True)


@pytest.mark.parametrize("iterations", [6_000, 60_000, 600_000, 6_000_000])
@pytest.mark.parametrize("part", [1, 10])
def test_drawing_anew_costs_the_same_however_long_the_run(iterations: int, part: int) -> None:
    """A key or a new size late in the longest run is answered as quickly as in the shortest."""
    losses = np.ones(iterations, dtype=np.float32)
    history = History()
    history.extend(losses)
    bins = Bins(iterations - iterations // part, iterations, 176, span=100, history=history)
    bins.extend(losses)
    assert not np.isnan(bins.smoothed).any()
    assert bins.taken <= 176 * 2 * STRIDE


def test_the_summary_tells_the_lowest_loss_and_where() -> None:
    """The title's numbers are right, and losses that are not finite are counted, not compared."""
    losses = losses_of(1_000)
    losses[700], losses[10], losses[11], losses[12] = -3, np.nan, np.inf, -np.inf
    history = History()
    for seen in (1, 5, 11, 12, 500, 999, 1_000):
        history.extend(losses[:seen])
    summary = history.summary(10)
    assert (summary.lowest, summary.lowest_at, summary.not_finite) == (-3, 701, 3)
    assert summary.now == losses[-1]


def test_the_summary_of_nothing_has_no_numbers() -> None:
    """Before the first loss nothing is claimed; with only a NaN, only that it is one."""
    history = History()
    assert (history.summary(10).now, history.summary(10).smoothed, history.summary(10).falling) == (None, None, None)
    history.extend(np.array([np.nan], dtype=np.float32))
    assert math.isnan(history.summary(10).now or 0)
    assert (history.summary(10).smoothed, history.summary(10).lowest, history.summary(10).not_finite) == (None, None, 1)


@pytest.mark.parametrize(("slope", "falling"), [(-0.01, True), (0.01, False), (0, None)])
def test_the_arrow_tells_where_the_loss_is_going(slope: float, falling: bool | None) -> None:
    """Down, up, or no arrow where nothing moves."""
    history = History()
    history.extend((3 + slope * np.arange(100)).astype(np.float32))
    assert history.summary(10).falling is falling


def test_the_default_smoothing_grows_with_the_run() -> None:
    """A long run is smoothed over more iterations than a short one; the notebook's over 100."""
    assert SPANS[level_for(6_252)] == 100
    levels = [level_for(10**power) for power in range(9)]
    assert levels == sorted(levels)
    assert levels[0] == 1
