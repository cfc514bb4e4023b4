"""What a person may ask of a run while it goes: pause, go on, stop, leave. Shared between threads."""

from __future__ import annotations

import threading


class Control:
    """Requests to a run. Any thread may ask; the run looks here once an iteration, a batch or a few images.

    A first stop ends the training and lets the run conclude: evaluate and save. A second stop skips the evaluation too.
    Leaving keeps a checkpoint and nothing else, so that the run can be taken up again.
    """

    def __init__(self) -> None:
        self._stops = 0
        self._leaving = False
        self._going = threading.Event()
        self._going.set()

    def pause(self) -> None:
        self._going.clear()

    def resume(self) -> None:
        self._going.set()

    def stop(self) -> None:
        self._stops += 1
        self._going.set()

    def leave(self) -> None:
        self._leaving = True
        self._going.set()

    @property
    def paused(self) -> bool:
        return not self._going.is_set()

    @property
    def stops(self) -> int:
        """How often a stop was asked for; whoever leaves wants no evaluation, as after two."""
        return max(2, self._stops) if self._leaving else self._stops

    @property
    def leaving(self) -> bool:
        return self._leaving

    def wait_while_paused(self) -> None:
        """Return once nobody wants a pause; a stop ends a pause."""
        self._going.wait()
