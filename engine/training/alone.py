"""Nothing is measured while something trains in this process, and a training waits until all is measured."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

_changed = threading.Condition()
_trainings = 0
_measuring = False
_cancel: Callable[[], object] | None = None


@contextmanager
def training() -> Iterator[None]:
    """Train in here. A measurement is cancelled if it can be, else waited for: about a second, or until the
    learning-rate finder has been stopped."""
    global _trainings
    with _changed:
        _wait()
        _trainings += 1
    try:
        yield
    finally:
        with _changed:
            _trainings -= 1


@contextmanager
def measuring(cancel: Callable[[], object] | None = None, *, wait: bool = False) -> Iterator[bool]:
    """Measure in here if this is True: nothing trains, and nothing else is measured; `wait` waits for the latter.

    `cancel` ends this measurement soon. It is called, perhaps more than once, in a thread that waits for its end.
    """
    global _measuring, _cancel
    with _changed:
        if wait:
            _wait()
        free = not _trainings and not _measuring
        if free:
            _measuring, _cancel = True, cancel
    try:
        yield free
    finally:
        if free:
            with _changed:
                _measuring, _cancel = False, None
                _changed.notify_all()


def _wait() -> None:
    """Wait for the end of a measurement. `_changed` is held."""
    while _measuring:
        if _cancel is not None:
            _cancel()
        _changed.wait()
