"""What a run has said so far, shared between the thread that trains and whoever looks."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.record.events import Event, RunStarted
from engine.record.losses import Losses


class RunLog:
    """What a run has said so far. One thread writes, any thread reads, nobody waits."""

    def __init__(self) -> None:
        self.events: list[Event] = []
        self.loss_buffer: Losses = Losses(0)
        self.interrupted = False
        """Set by who reads a run from disk: the process that trained it is gone, and never said how the run ended."""

    def event(self, event: Event) -> None:
        if isinstance(event, RunStarted):
            self.loss_buffer = Losses(event.iterations)
        self.events.append(event)  # last: a reader that sees `RunStarted` finds the buffer in place

    def losses(self, values: NDArray[np.float32]) -> None:
        self.loss_buffer.append(values)

    @property
    def training_began(self) -> bool:
        """Whether there is anything to lose."""
        return any(isinstance(event, RunStarted) for event in self.events)

    def take_over(self, earlier: RunLog) -> None:
        """Begin with what the run said before it was interrupted."""
        self.loss_buffer = earlier.loss_buffer
        self.events.extend(earlier.events)
