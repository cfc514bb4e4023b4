"""What the screen of a run asks of it, in order, and how the screen finds out that the run has acted on it."""

from __future__ import annotations

from abc import abstractmethod
from functools import partial

from textual.dom import DOMNode

from engine.control import Pause, Request, Stop, Wish
from engine.errors import EngineError
from engine.record.record import RunRecord
from engine.runs.contract import RunView
from tui import work

ANSWERS_WITHIN = 0.04
"""Seconds in which a run usually acts on a request: a few iterations."""

_ANSWERS = 25
"""Looks for an answer to a request, `ANSWERS_WITHIN` apart. A pause may wait for a checkpoint to be written."""


class Requests(DOMNode):
    """Passes requests on to one run. The screen never waits for the run or its disk."""

    run: RunView
    record: RunRecord
    _asked: Request | None = None
    """The pause, resumption or stop that no event has answered yet."""
    _requests: tuple[Request, ...] = ()
    """Requests on their way to the run, in order."""

    @abstractmethod
    def look(self) -> None:
        """Read what is new in the run's log, and show it."""

    @property
    def awaits_answer(self) -> bool:
        """Whether the run has not yet acted on what was asked for."""
        return self._asked is not None

    @property
    def asked_to_stop(self) -> bool:
        return isinstance(self._asked, Stop) and not self.record.ended

    @property
    def asked_to_pause(self) -> bool:
        return isinstance(self._asked, Pause)

    @property
    def will_be_paused(self) -> bool:
        """Whether the run is paused, or will be when it acts on the last request."""
        return self.asked_to_pause if self._asked else self.record.paused is not None

    def ask(self, request: Request) -> None:
        """Pass a request on, and look for the answer."""
        if not isinstance(request, Wish):
            self._asked = request
        self._requests += (request,)
        if len(self._requests) == 1:
            self._tell()
        self.look()

    def answered(self) -> None:
        """The run has paused, resumed or begun to stop."""
        self._asked = None

    def forget_requests(self) -> None:
        """The run could not be asked."""
        self._requests, self._asked = (), None

    def _tell(self) -> None:
        """Pass the next request on. A run of another process is told through a file, so off the event loop."""
        ask = partial(self.run.ask, self._requests[0])
        if self.run.is_local:
            self._told(ask())
        else:
            work.run(self, ask, self._told, self._not_told)

    def _told(self, _: None) -> None:
        self.set_timer(ANSWERS_WITHIN, partial(self._look_for_answer, _ANSWERS))
        self._requests = self._requests[1:]
        if self._requests:
            self._tell()

    def _look_for_answer(self, looks: int) -> None:
        """Look more often than usual until the run has acted on the request, so that a key shows its effect at once."""
        self.look()
        if self.awaits_answer and looks:
            self.set_timer(ANSWERS_WITHIN, partial(self._look_for_answer, looks - 1))

    def _not_told(self, error: EngineError) -> None:
        self.forget_requests()
        self.app.notify(error.message, severity="error", markup=False)
