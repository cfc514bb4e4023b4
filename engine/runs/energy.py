"""The energy that a run's GPU uses, by the counter of its board."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from engine.hardware import nvml
from engine.record.events import EnergyUsed, Event, Failed, Finished, Paused, Report, Resumed, RunResumed, RunStarted

_OPENS_WITHIN, _ANSWERS_WITHIN = 2.0, 0.5
"""Seconds for which the driver is waited for, once at the start and at each reading. A run never waits longer."""


class Metered:
    """Passes on what a run reports. In between it reports the energy used so far: at `tell`, and before the end.

    Pauses are left out, evaluations are not. All that the board uses counts, whoever computes on it. If the counter is
    missing or fails, the energy is not known, and nobody is asked again. Nor is it where several processes train, each
    on a GPU of its own.
    """

    def __init__(self, report: Report, seconds: Callable[[], float], before: Callable[[], float | None]) -> None:
        """`seconds` returns the time since the start of the run, and `before` what the parts of a resumed run used
        before it was interrupted; None if that is not known."""
        self._report, self._seconds, self._before = report, seconds, before
        self._gpu: nvml.Gpu | None = None
        """None if there is no counter, or none any more."""
        self._used = 0.0
        self._since: float | None = None
        """The counter at the start, after the last pause or at the last reading; None in a pause."""

    def event(self, event: Event) -> None:
        match event:
            case RunStarted():
                self._report.event(event)
                self._begin(event, 0.0)
            case RunResumed():
                before = self._before()
                self._report.event(event)
                self._begin(event, before)
                self.tell(event.iteration)
            case Paused():
                self._read()
                self._since = None
                self._report.event(event)
            case Resumed():
                self._since = self._counter()
                self._report.event(event)
            case Finished() | Failed():
                self.tell(event.iterations)
                self._report.event(event)
            case _:
                self._report.event(event)

    def losses(self, values: NDArray[np.float32]) -> None:
        self._report.losses(values)

    def tell(self, iteration: int) -> None:
        """Report the energy used up to now, when `iteration` iterations are done, if it is known."""
        if self._gpu is not None:
            self._read()
            used = self._used if self._gpu is not None else None
            self._report.event(EnergyUsed(seconds=self._seconds(), iteration=iteration, joules=used))

    def _begin(self, event: RunStarted | RunResumed, before: float | None) -> None:
        identity = event.device.uuid
        if identity is None or before is None or event.processes > 1:
            return
        self._gpu = nvml.answered(lambda: nvml.Gpu(identity), _OPENS_WITHIN)
        self._used = before
        self._since = self._counter()

    def _read(self) -> None:
        """Add what was used since the last reading."""
        if self._since is not None and (now := self._counter()) is not None:
            # A driver that was loaded anew counts from 0.
            self._used, self._since = self._used + max(0.0, now - self._since), now

    def _counter(self) -> float | None:
        gpu = self._gpu
        now = nvml.answered(gpu.joules, _ANSWERS_WITHIN) if gpu is not None else None
        if now is None:
            self._gpu = None
        return now
