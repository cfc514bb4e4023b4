"""The events and losses of a run so far, shared between the thread that trains and the threads that read."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.record.events import Changed, Event, RunStarted
from engine.record.losses import Losses


class RunLog:
    """The events and losses of a run so far. One thread writes, any thread reads, no thread waits."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.loss_buffer: Losses = Losses(0)
        self.interrupted = False
        """Set by the reader of a run on disk: the process that trained it is gone and left no closing event."""

    def event(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.loss_buffer = Losses(event.iterations)
        if isinstance(event, Changed) and event.name == "epochs":
            batches = next((each.batches for each in self.events if isinstance(each, RunStarted)), 0)
            self.loss_buffer.reserve(batches * int(event.after))
        self.events.append(event)  # last: a reader that sees `RunStarted` finds the buffer in place

    def losses(self, values: NDArray[np.float32]) -> None:
        self.loss_buffer.append(values)

    @property
    def training_began(self) -> bool:
        """Whether there is anything to lose."""
        return any(isinstance(event, RunStarted) for event in self.events)

    def begin_with(self, earlier: RunLog) -> None:
        """Take the events and losses from before an interruption."""
        self.loss_buffer = earlier.loss_buffer
        self.events.extend(earlier.events)
