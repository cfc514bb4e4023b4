from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.charts.windows import Window, default_window, limits, next_window

ITERATIONS = st.integers(1, 10_000_000)
SHARES = st.floats(0, 1)


@given(iterations=ITERATIONS, share=SHARES, window=st.sampled_from(Window))
def test_every_part_holds_the_latest_iteration(iterations: int, share: float, window: Window) -> None:
    """The latest loss is in sight in every mode, within the run."""
    seen = round(iterations * share)
    first, end = limits(window, seen, iterations)
    assert 0 <= first <= max(0, seen - 1) < end <= iterations


@given(iterations=ITERATIONS, share=SHARES)
def test_the_recent_part_moves_in_steps(iterations: int, share: float) -> None:
    """The recent part keeps still until it is full."""
    seen = round(iterations * share)
    first, _ = limits(Window.RECENT, seen, iterations)
    assert first % max(50, -(-iterations // 40)) == 0
    assert first == 0 or seen - first > max(100, iterations // 20)


@given(iterations=ITERATIONS)
def test_the_run_so_far_grows_in_few_jumps(iterations: int) -> None:
    """The first minutes of a long run fill the chart, and the picture moves only when it is full."""
    seen, jumps = 1, 0
    while True:
        first, end = limits(Window.SO_FAR, seen, iterations)
        assert first == 0
        assert seen > end // 3 or end < 15_000
        if end == iterations:
            break
        assert limits(Window.SO_FAR, end, iterations) == (0, end), "it stays until it is full"
        seen, jumps = end + 1, jumps + 1
    assert jumps <= 10


@pytest.mark.parametrize(
    ("seen", "expected"), [(0, Window.SO_FAR), (20_840, Window.SO_FAR), (20_841, Window.WHOLE), (62_520, Window.WHOLE)]
)
def test_the_whole_run_is_shown_from_a_third_on(seen: int, expected: Window) -> None:
    """Nobody has to press a key to see the start of a run closely, and its end in whole."""
    assert default_window(seen, 62_520) is expected


def test_a_short_run_is_shown_whole() -> None:
    """The notebook's four epochs have room from the start: no jump, and little to send."""
    assert default_window(1, 6_252) is Window.WHOLE


def test_a_key_goes_round_all_parts() -> None:
    """The key shows each part in turn; "so far" is left out when it is the whole run."""
    early = [Window.WHOLE]
    for _ in range(3):
        early.append(next_window(early[-1], 100, 62_520))
    assert early == [Window.WHOLE, Window.RECENT, Window.SO_FAR, Window.WHOLE]
    assert next_window(Window.RECENT, 60_000, 62_520) is Window.WHOLE
    assert next_window(Window.SO_FAR, 60_000, 62_520) is Window.RECENT, "chosen early, and the run went on"
