"""A run's log that tests watch."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.record.events import Event
from engine.record.log import RunLog


class Told(RunLog):
    """A log that calls a test back with each event, and with the number of losses."""

    def __init__(self, act: Callable[[Event | int], None] = lambda said: None) -> None:
        super().__init__()
        self._act = act

    def event(self, event: Event) -> None:
        super().event(event)
        self._act(event)

    def losses(self, values: NDArray[np.float32]) -> None:
        super().losses(values)
        self._act(len(self.loss_buffer))
