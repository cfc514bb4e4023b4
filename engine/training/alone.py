"""Nothing is measured while something trains in this process, and a training waits until all is measured."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

_changed = threading.Condition()
_trainings = 0
_measuring = False


@contextmanager
def training() -> Iterator[None]:
    """Train in here. Waits for a measurement: about a second, or until the learning-rate finder has been stopped."""
    global _trainings
    with _changed:
        _changed.wait_for(lambda: not _measuring)
        _trainings += 1
    try:
        yield
    finally:
        with _changed:
            _trainings -= 1


@contextmanager
def measuring(*, wait: bool = False) -> Iterator[bool]:
    """Measure in here if this is True: nothing trains, and nothing else is measured; `wait` waits for the latter."""
    global _measuring
    with _changed:
        if wait:
            _changed.wait_for(lambda: not _measuring)
        free = not _trainings and not _measuring
        _measuring = _measuring or free
    try:
        yield free
    finally:
        if free:
            with _changed:
                _measuring = False
                _changed.notify_all()
