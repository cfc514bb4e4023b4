from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.charts.axes import epoch_limits, iteration_axis, percent_axis, value_axis

LOSSES = st.floats(width=32, allow_nan=False, allow_infinity=False)


@given(first=LOSSES, second=LOSSES, rows=st.integers(1, 100), log=st.booleans())
def test_an_axis_holds_its_losses_and_its_ticks(first: float, second: float, rows: int, log: bool) -> None:
    """Whatever the losses, they and the numbers beside the axis lie on it, and no two ticks read the same."""
    low, high = sorted((first, second))
    if log:
        low, high = max(low, 2e-45), max(high, 2e-45)
    axis = value_axis("loss", low, high, rows, log=log)
    assert axis.low < axis.high
    hair = 1e-8 * (axis.high - axis.low)
    assert axis.low - hair <= low <= high <= axis.high + hair
    assert all(axis.low - hair <= tick.value <= axis.high + hair for tick in axis.ticks)
    assert 1 <= len({tick.label for tick in axis.ticks}) == len(axis.ticks) <= rows + 2
    fractions = axis.fractions(np.array([low, high]))
    assert ((fractions >= 0) & (fractions <= 1)).all()
    assert fractions[0] <= fractions[1]


@pytest.mark.parametrize(
    ("low", "high", "rows", "log", "labels"),
    [
        (0.41, 2.82, 20, False, ["0.5", "1.0", "1.5", "2.0", "2.5", "3.0"]),
        (0.41, 2.82, 8, False, ["0", "2"]),
        (2.3026, 2.3026, 12, False, ["2.2", "2.3", "2.4"]),
        (1e-5, 3.0, 32, True, ["1e-5", "0.0001", "0.001", "0.01", "0.1", "1"]),
        (0.0, 3e38, 12, False, ["0.0e0", "1.0e38", "2.0e38", "3.0e38"]),
    ],
)
def test_the_ticks_are_round_numbers(low: float, high: float, rows: int, log: bool, labels: list[str]) -> None:
    """The numbers beside the loss are short, and as many as the height has room for."""
    assert [tick.label for tick in value_axis("loss", low, high, rows, log=log).ticks] == labels


def test_the_iterations_are_counted_in_epochs() -> None:
    """The ticks stand where epochs end, with thousands separators; in a wide terminal as in a narrow one."""
    assert [tick.label for tick in iteration_axis(0, 6_252, 1_563, 100).ticks] == [
        "0",
        "1,563",
        "3,126",
        "4,689",
        "6,252",
    ]
    assert [tick.label for tick in iteration_axis(0, 6_252, 1_563, 30).ticks] == ["0", "3,126", "6,252"]


def test_a_part_of_an_epoch_is_counted_in_round_numbers() -> None:
    """Where no epoch ends, the ticks are round."""
    assert [tick.label for tick in iteration_axis(0, 1_563, 1_563, 40).ticks] == ["0", "500", "1,000", "1,500"]


@given(epochs=st.integers(1, 100_000), batches=st.integers(1, 5_000), columns=st.integers(1, 300))
def test_the_epoch_lines_are_few_and_under_the_ticks(epochs: int, batches: int, columns: int) -> None:
    """Thousands of epochs draw no more lines than there is room for, each of them over a tick."""
    end = epochs * batches
    limits = epoch_limits(0, end, batches, columns)
    assert len(limits) <= max(1, columns // 4)
    assert all(limit % batches == 0 and 0 < limit < end for limit in limits)
    ticks = {tick.value for tick in iteration_axis(0, end, batches, columns).ticks}
    assert len(limits) < 2 or set(limits) <= ticks


@pytest.mark.parametrize("rows", [1, 6, 15, 40])
def test_the_accuracy_axis_is_always_0_to_100(rows: int) -> None:
    """Two runs can be compared by eye: the right axis is the same in both."""
    labels = [tick.label for tick in percent_axis("accuracy", rows).ticks]
    assert (labels[0], labels[-1]) == ("0 %", "100 %")
    assert len(labels) <= max(2, rows)
