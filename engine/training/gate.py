"""Where a run waits and stops because it was asked to."""

from __future__ import annotations

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

    def lets_train(self, iteration: int) -> bool:
        """Wait while the run is paused. Returns False after a stop."""
        self._wait(iteration)
        return not self.stopping

    def lets_evaluate(self, iteration: int) -> bool:
        """Wait while the run is paused. Returns False after a second stop: the first one still wants results."""
        self._wait(iteration)
        return self._control.stops < 2

    def _wait(self, iteration: int) -> None:
        if self._control.paused:
            with self._clock.pausing():
                self._report.event(Paused(seconds=self._clock.seconds(), iteration=iteration))
                self._control.wait_while_paused()
            self._report.event(Resumed(seconds=self._clock.seconds(), iteration=iteration))
        stops = self._control.stops
        if stops > self._stops_reported:
            self._stops_reported = stops
            self._report.event(Stopping(seconds=self._clock.seconds(), iteration=iteration, evaluates=stops < 2))
