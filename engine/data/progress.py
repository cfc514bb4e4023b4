"""Progress of the loaders, reported at a rate that a screen can use. Pauses and stops reach the loaders here too."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from typing import Literal

from engine.control import Gate
from engine.errors import Stopped

INTERVAL = 0.1
"""Seconds between two reports of the same activity."""

Unit = Literal["bytes", "images"]


class Progress:
    """Called by the loaders as often as they like, from any thread.

    Reports the first and the last step of an activity, and about ten a second in between. A call blocks while the run
    is paused, and raises `Stopped` after a stop was requested.
    """

    def __init__(
        self,
        tell: Callable[[str, int, int | None, Unit], None],
        control: Gate,
        clock: Callable[[], float] = time.monotonic,
        *,
        may_download: bool = True,
    ) -> None:
        self.may_download = may_download
        """Whether images that are not here may be downloaded; otherwise the loader raises `DataError`."""
        self._tell = tell
        self._control = control
        self._clock = clock
        self._lock = threading.Lock()
        self._told: tuple[str, int, int | None] | None = None
        self._told_at = 0.0

    def __call__(self, activity: str, done: int, total: int | None, unit: Unit) -> None:
        step = (activity, done, total)
        with self._lock:
            now = self._clock()
            first = self._told is None or self._told[0] != activity
            due = first or done == total or now - self._told_at >= INTERVAL
            if due and step != self._told:
                self._told, self._told_at = step, now
                self._tell(activity, done, total, unit)
        self._control.wait_while_paused()
        if self._control.stops:
            raise Stopped("A stop was asked for while the images were read.")
