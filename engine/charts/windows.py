"""The part of a run that a chart shows. Its limits jump now and then; in between, every iteration keeps its place."""

from __future__ import annotations

from enum import StrEnum

_TIMES = 3
"""When the part that is shown is full, the next one is so many times longer. Then all of the chart is sent again."""

_SHORTEST_SO_FAR = 5_000
"""Iterations. A shorter part fills so fast that each frame sends much of the chart: 1,000 took 20 kB/s."""

_SHORTEST_RECENT = 200
"""Iterations that are shown at least, of a run that has as many."""


class Window(StrEnum):
    SO_FAR = "so far"
    WHOLE = "whole run"
    RECENT = "recent part"


def default_window(seen: int, iterations: int) -> Window:
    """Show the run so far until a third is done: in a long run, the first minutes would be a few columns wide."""
    return Window.SO_FAR if _so_far(seen, iterations) != (0, iterations) else Window.WHOLE


def next_window(window: Window, seen: int, iterations: int) -> Window:
    """The window after this one, in the order of `Window`. "So far" is left out once it is the whole run."""
    order = [*Window]
    if limits(Window.SO_FAR, seen, iterations) == limits(Window.WHOLE, seen, iterations):
        order.remove(Window.SO_FAR)
    return order[(order.index(window) + 1) % len(order)] if window in order else Window.RECENT


def limits(window: Window, seen: int, iterations: int) -> tuple[int, int]:
    """The iterations to show, from one up to another, of a run of `iterations` when `seen` have been recorded."""
    match window:
        case Window.SO_FAR:
            return _so_far(seen, iterations)
        case Window.WHOLE:
            return 0, iterations
        case Window.RECENT:
            return _recent(seen, iterations)


def _so_far(seen: int, iterations: int) -> tuple[int, int]:
    """A third of the run, or a third of that, and so on: the shortest part that holds what was seen."""
    end = iterations
    while (part := -(-end // _TIMES)) >= max(seen, _SHORTEST_SO_FAR):
        end = part
    return 0, end


def _recent(seen: int, iterations: int) -> tuple[int, int]:
    """A tenth of the run, and at least 200 iterations. When that is full, it moves on by a quarter of its width."""
    quarter = max(_SHORTEST_RECENT // 4, -(-iterations // 40))
    first = max(0, (seen - 1) // quarter - 3) * quarter
    return first, max(first + 1, min(first + 4 * quarter, iterations))
