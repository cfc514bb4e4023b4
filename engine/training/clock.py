"""The time that a run takes."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Literal

from engine.storage.checkpoint import State

Seconds = Callable[[], float]
"""Returns the seconds since the run began."""

Activity = Literal["training", "evaluation"]


class Clock:
    """Seconds since the run began, and how many of them went into training and evaluation. Pauses count as neither."""

    def __init__(self, seconds: Seconds, start: State | None = None) -> None:
        """A resumed run keeps the counts of its checkpoint's state, `start`."""
        self.seconds = seconds
        self.lap = 0.0
        """Seconds of the last activity that ended, without pauses."""
        self._spent: dict[Activity, float] = {
            "training": start.train_seconds if start else 0.0,
            "evaluation": start.evaluation_seconds if start else 0.0,
        }
        self._paused = 0.0
        self._current: Activity | None = None
        self._since = 0.0

    def spent(self, activity: Activity) -> float:
        """Return the seconds that went into `activity` so far."""
        return self._spent[activity] + (self._working() - self._since if self._current == activity else 0.0)

    @contextmanager
    def counting(self, activity: Activity) -> Iterator[None]:
        """Count the time inside the context as `activity`, and not as one that it interrupts."""
        outer = self._current
        if outer is not None:
            self._spent[outer] = self.spent(outer)
        before = self._spent[activity]
        self._current, self._since = activity, self._working()
        try:
            yield
        finally:
            self._spent[activity] = self.spent(activity)
            self.lap = self._spent[activity] - before
            self._current, self._since = outer, self._working()

    @contextmanager
    def pausing(self) -> Iterator[None]:
        """Count the time inside the context as a pause."""
        began = self.seconds()
        try:
            yield
        finally:
            self._paused += self.seconds() - began

    def _working(self) -> float:
        return self.seconds() - self._paused


def stopwatch() -> Seconds:
    """Return a function that returns the seconds since this call."""
    began = time.monotonic()
    return lambda: time.monotonic() - began
