"""The rule by which the learning-rate finder suggests a rate, on made-up curves."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import CONSTANTS
from engine.record.rates import RATES, RateCurve, longest_fall


def test_rates_grow_by_the_same_factor() -> None:
    """A hundred rates lead from 1e-7 to 10, each so many times larger than the last as that was than the one before."""
    assert len(RATES) == 100
    assert (RATES[0], RATES[-1]) == (1e-7, 10)
    assert np.allclose(RATES[1:] / RATES[:-1], 10 ** (8 / 99))


def test_smoothed_loss_is_the_exponential_average_without_its_bias() -> None:
    """The line is what anybody gets who averages by 0.98 step by step and divides by the weights so far."""
    losses = np.random.default_rng(1).normal(2, 0.5, 100)
    average, expected = 0.0, []
    for i, loss in enumerate(losses, start=1):
        average = 0.98 * average + 0.02 * loss
        expected.append(average / (1 - 0.98**i))
    assert np.allclose(RateCurve(tuple(losses.tolist())).smoothed, expected)


@pytest.mark.parametrize(
    ("values", "fall"),
    [
        ([], []),
        ([2.0], [0]),
        ([3.0, 2.0, 1.0], [0, 1, 2]),
        ([1.0, 2.0, 3.0], [0]),
        ([2.0, 2.0, 2.0], [0]),
        ([5.0, 9.0, 4.0, 7.0, 3.0, 2.0, 8.0], [1, 3, 4, 5]),  # noise does not end a fall
        ([9.0, 8.0, 7.0, 20.0, 19.0, 18.0, 17.0, 30.0], [3, 4, 5, 6]),  # of two valleys the longer one
        ([9.0, 8.0, 20.0, 19.0], [0, 1]),  # of two as long, the one at lower rates
        ([math.nan, 3.0, math.nan, 2.0, math.nan], [1, 3]),
        ([math.nan, math.nan], [0]),
    ],
)
def test_longest_fall(values: list[float], fall: list[int]) -> None:
    """The fall that the suggestion is the middle of has the most values, each lower than the one before."""
    assert longest_fall(values) == fall


@given(st.lists(st.integers(0, 9), max_size=9))
def test_no_fall_is_longer(values: list[int]) -> None:
    """Whatever the curve, no other choice of its values falls longer."""
    fall = longest_fall(values)
    assert all(i < j and values[i] > values[j] for i, j in pairwise(fall))
    choices = [[values[i] for i in range(len(values)) if choice >> i & 1] for choice in range(2 ** len(values))]
    assert len(fall) == max(len(some) for some in choices if all(a > b for a, b in pairwise(some)))


def valley(start: int, end: int) -> tuple[float, ...]:
    """Losses whose average is level up to iteration `start`, falls up to `end`, and then rises."""
    average = np.interp(np.arange(100), [0, start, end, 99], [2.3, 2.3, 1.5, 2.2])
    weights = 0.98 ** -np.arange(100)
    sums = average * np.cumsum(weights)
    return tuple((np.diff(sums, prepend=0) / weights).tolist())


def test_the_middle_of_a_valley() -> None:
    """The suggestion lies in the middle between where the loss begins to fall and where it ends, on the log axis."""
    curve = RateCurve(valley(40, 70))
    assert curve.suggested_at in (54, 55, 56)
    assert curve.suggestion == pytest.approx(RATES[55], rel=0.2)


def test_a_rate_that_falls_from_the_first_to_the_last() -> None:
    """A loss that falls all the way has its suggestion in the middle of all rates."""
    curve = RateCurve(tuple(np.linspace(2.3, 1.0, 100).tolist()))
    assert curve.suggested_at == 49


def test_noise_does_not_move_the_valley_far() -> None:
    """With the noise of small batches the suggestion stays within a factor of three."""
    quiet, noise = np.array(valley(40, 70)), np.random.default_rng(0).normal(0, 0.1, 100)
    suggestion = RateCurve(tuple((quiet + noise).tolist())).suggestion
    assert suggestion is not None
    assert 1 / 3 < suggestion / RATES[55] < 3


@pytest.mark.parametrize("losses", [(), (2.3,), (2.3, 2.4, 2.5, 40.0), (2.3, 2.3, 2.3)])
def test_nothing_falls(losses: tuple[float, ...]) -> None:
    """Where the loss only rises, as one that diverges at once, there is no suggestion."""
    assert RateCurve(losses).suggestion is None


@pytest.mark.parametrize(
    ("losses", "diverged"), [((), False), ((1.0, 1.0, 9.8), False), ((1.0, 1.0, 9.9), True), ((0.0, 1.0), True)]
)
def test_diverged_at_four_times_the_lowest(losses: tuple[float, ...], diverged: bool) -> None:
    """It is the smoothed loss that decides, and four times its lowest value."""
    curve = RateCurve(losses)
    assert curve.diverged == diverged
    if len(losses) == 3:
        assert (curve.smoothed[-1] > 4) == diverged


def test_every_suggestion_is_allowed() -> None:
    """Whichever rate is suggested, the constant takes it, and it has two digits."""
    (constant,) = (each for each in CONSTANTS if each.name == "learning_rate")
    for at in range(len(RATES)):
        curve = RateCurve()
        curve.__dict__["suggested_at"] = at
        assert curve.suggestion is not None
        assert constant.read(str(curve.suggestion)) == curve.suggestion == pytest.approx(RATES[at], rel=0.05)
        assert len(f"{curve.suggestion:e}".split("e")[0].rstrip("0").replace(".", "")) <= 2
