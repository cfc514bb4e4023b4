"""How long the run of a form would take, measured in the background while the form is at rest."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Protocol

from textual.message_pump import MessagePump
from textual.timer import Timer

from engine.config import TrainingConfig
from engine.text import roughly
from tui import work

if TYPE_CHECKING:
    from engine.data.found import Found
    from engine.estimate import Figures


class Measures(Protocol):
    """A measurement that waits to be called, as `engine.estimate.Measurement`."""

    def __call__(self) -> Figures | None: ...

    def cancel(self) -> None: ...


class Estimates(Protocol):
    """What measures, as `engine.estimate.Estimator`."""

    def is_known(self, config: TrainingConfig, found: Found) -> bool: ...

    def figures(self, config: TrainingConfig, found: Found) -> Figures | None: ...

    def measure(self, config: TrainingConfig, found: Found) -> Measures: ...


class Timing:
    """Tells the time of the newest config that it was given.

    `tell` is called on the event loop of `node` with a text, empty if the time is not known, and what else there is to
    say. `make` returns what measures, once that is needed; it then measures off the event loop, when nothing was
    cancelled for `pause` seconds.
    """

    def __init__(
        self, node: MessagePump, make: Callable[[], Estimates] | None, tell: Callable[[str, str], None], pause: float
    ) -> None:
        self._node, self._make, self._tell, self._pause = node, make, tell, pause
        self._estimates: Estimates | None = None
        self._timer: Timer | None = None
        """Counts down to the start of a measurement."""
        self._measurement: Measures | None = None
        """The measurement that is running."""

    def begin(self, config: TrainingConfig, found: Found | None) -> None:
        """Tell how long `config` takes on the images `found`: now, or when it is measured. Nothing without images."""
        self.cancel()
        if self._make is None or found is None or not found.train_images:
            self._tell("", "")
            return
        self._estimates = estimates = self._estimates or self._make()
        if estimates.is_known(config, found):
            self._tell(*_words(config, found, estimates.figures(config, found)))
            return
        self._tell("measuring the time …", "")
        start = partial(self._start, estimates.measure(config, found), config, found)
        if self._pause:
            self._timer = self._node.set_timer(self._pause, start)
        else:
            start()

    def cancel(self) -> None:
        """Measure no longer, and tell nothing more."""
        if self._timer is not None:
            self._timer.stop()
            self._timer = None
        if self._measurement is not None:
            self._measurement.cancel()
            self._measurement = None

    def _start(self, measurement: Measures, config: TrainingConfig, found: Found) -> None:
        self._timer, self._measurement = None, measurement

        def measured(figures: Figures | None) -> None:
            if measurement is self._measurement:
                self._measurement = None
                self._tell(*_words(config, found, figures))

        work.run(self._node, measurement, measured)


def _words(config: TrainingConfig, found: Found, figures: Figures | None) -> tuple[str, str]:
    from engine.estimate import advice, whole_run

    if figures is None:
        return "", ""
    time = roughly(whole_run(config, found, figures))
    more = "on this machine" if found.ready else "on this machine, after the download"
    if config.processes > 1:
        more = f"for one process {more}. {advice(config, figures)}".strip()
    return f"at most {time}" if config.patience else time, more
