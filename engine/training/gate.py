"""Where a run waits and stops because it was asked to."""

from __future__ import annotations

from collections.abc import Callable

from engine.control import Control
from engine.record.events import Paused, Report, Resumed, Stopping
from engine.training.clock import Clock


class Gate:
    """Asks `control` between two pieces of work, and reports each request that was carried out."""

    def __init__(self, control: Control, report: Report, clock: Clock) -> None:
        self._control, self._report, self._clock = control, report, clock
        self._stops_reported = 0

    @property
    def paused(self) -> bool:
        return self._control.paused

    @property
    def stopping(self) -> bool:
        """Whether the training ends here. Evaluation and saving still follow."""
        return self._control.stops > 0

    @property
    def leaving(self) -> bool:
        return self._control.leaving

    def lets_train(self, iteration: int, carry_out: Callable[[], object]) -> bool:
        """Wait while the run is paused, and `carry_out` what is asked for meanwhile. Returns False after a stop."""
        self._wait(iteration, carry_out)
        return not self.stopping

    def lets_evaluate(self, iteration: int, *, waits: bool = True) -> bool:
        """Wait while the run is paused, if it `waits`. Returns False after a second stop: the first one still wants
        results."""
        if waits:
            self._wait(iteration)
        return self._control.stops < 2

    def _wait(self, iteration: int, carry_out: Callable[[], object] | None = None) -> None:
        is_told = False
        while self._control.paused:
            with self._clock.pausing():
                if not is_told:
                    self._report.event(Paused(seconds=self._clock.seconds(), iteration=iteration))
                    is_told = True
                if carry_out is None:
                    self._control.wait_while_paused()
                else:
                    self._control.wait_for_request()
            if carry_out is not None:
                carry_out()
        if is_told:
            self._report.event(Resumed(seconds=self._clock.seconds(), iteration=iteration))
        stops = self._control.stops
        if stops > self._stops_reported:
            self._stops_reported = stops
            self._report.event(Stopping(seconds=self._clock.seconds(), iteration=iteration, evaluates=stops < 2))
