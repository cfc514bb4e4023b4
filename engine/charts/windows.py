"""The part of a run that a chart shows. Its limits jump now and then; in between, every iteration keeps its place."""

from __future__ import annotations

from enum import StrEnum

_SHORT = 200
"""Iterations of a part so short that it is not halved or shortened any more."""


class Window(StrEnum):
    SO_FAR = "so far"
    WHOLE = "whole run"
    RECENT = "recent part"


def default_window(seen: int, iterations: int) -> Window:
    """Show the run so far until a third is done: in a long run, the first minutes would be a few columns wide."""
    return Window.SO_FAR if 3 * seen < iterations else Window.WHOLE


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
    """The run halved as often as all that was seen still fits. When that is full, it doubles."""
    end = iterations
    while end > _SHORT and -(-end // 2) >= seen:
        end = -(-end // 2)
    return 0, end


def _recent(seen: int, iterations: int) -> tuple[int, int]:
    """A tenth of the run, and at least 200 iterations. When that is full, it moves on by a quarter of its width."""
    quarter = max(_SHORT // 4, -(-iterations // 40))
    first = max(0, (seen - 1) // quarter - 3) * quarter
    return first, max(first + 1, min(first + 4 * quarter, iterations))
