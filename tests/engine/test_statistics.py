"""Statistics against worked examples of others and against scipy's own tests."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from engine.record.statistics.holm import holm
from engine.record.statistics.mcnemar import mcnemar
from engine.record.statistics.spread import spread
from engine.record.statistics.welch import welch

SLEEP = ([0.7, -1.6, -0.2, -1.2, -0.1, 3.4, 3.7, 0.8, 0.0, 2.0], [1.9, 0.8, 1.1, 0.1, -0.1, 4.4, 5.5, 1.6, 4.6, 3.4])
"""Hours of sleep gained with two drugs: Student's own example (1908), R's data set `sleep`."""


def test_mean_and_interval_of_a_worked_example() -> None:
    """Mean, standard deviation and 95 % interval of a few seeds are those of R's t.test(extra) on its data `sleep`."""
    found = spread(SLEEP[0])
    assert found.n == 10
    expected = pytest.approx((0.75, 1.78901, -0.5297804, 2.0297804))
    assert (found.mean, found.deviation, found.low, found.high) == expected


def test_two_groups_of_a_worked_example() -> None:
    """Welch's test of that data is R's: t = −1.8608, 17.776 degrees of freedom, p = 0.07939."""
    assert welch(*map(spread, SLEEP)) == pytest.approx(0.07939, abs=5e-6)


@pytest.mark.parametrize("seed", range(20))
def test_the_same_as_scipy(seed: int) -> None:
    """For any two groups of accuracies, interval and p are scipy's."""
    random = np.random.default_rng(seed)
    first, second = (random.normal(70 + k, 0.1 + k, random.integers(2, 9)).tolist() for k in range(2))
    found = spread(first)
    assert (found.low, found.high) == pytest.approx(
        stats.t.interval(0.95, len(first) - 1, loc=np.mean(first), scale=stats.sem(first))
    )
    assert welch(found, spread(second)) == pytest.approx(stats.ttest_ind(first, second, equal_var=False).pvalue)


def test_too_little_for_a_test() -> None:
    """One seed has no spread, and groups that never differ within themselves have no test."""
    one, same, other = spread([70.0]), spread([70.0, 70.0]), spread([71.0, 71.0])
    assert (one.deviation, one.low, one.high) == (None, None, None)
    assert welch(one, same) is None
    assert welch(same, other) is None
    assert welch(same, same) == 1
    with pytest.raises(ValueError, match="no values"):
        spread([])


def test_images_that_one_gets_right_of_a_worked_example() -> None:
    """121 against 59 cases give a χ² of 20.67 with the correction (Wikipedia's first example), p = 5.45e-6."""
    assert mcnemar(121, 59) == pytest.approx(stats.chi2.sf((62 - 1) ** 2 / 180, 1))
    assert mcnemar(121, 59) == pytest.approx(5.45e-6, rel=1e-3)
    assert mcnemar(59, 121) == mcnemar(121, 59)


@pytest.mark.parametrize(("only_first", "only_second"), [(0, 0), (1, 0), (6, 16), (12, 12), (24, 0), (0, 24)])
def test_few_images_are_counted_exactly(only_first: int, only_second: int) -> None:
    """With fewer than 25 images that only one gets right, p is that of the exact binomial test."""
    n = only_first + only_second
    expected = stats.binomtest(only_first, n).pvalue if n else 1.0
    assert mcnemar(only_first, only_second) == pytest.approx(expected)


def test_networks_that_are_equally_often_right() -> None:
    """The correction never makes a difference out of none."""
    assert mcnemar(300, 300) == 1
    assert mcnemar(25, 0) == pytest.approx(stats.chi2.sf(24**2 / 25, 1))


def test_several_tests_at_a_time() -> None:
    """p-values of several comparisons are adjusted as in Holm's paper, and keep their order."""
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.6, 0.9]) == [1, 1]
    assert holm([]) == []
