"""SIGINT, SIGTERM and SIGHUP, for the app and for a run without it."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import TYPE_CHECKING, Self

from engine.control import Leave, Stop
from tui.terminal.deadline import Deadline

if TYPE_CHECKING:
    from engine.runs.contract import RunView

_HANDLED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def _nothing(number: int) -> None:
    """Do nothing more."""


class Signals:
    """Passes signals on to the run that trains in this process, as long as the `with` block lasts.

    SIGINT asks the run to stop and evaluate. A second SIGINT, and SIGTERM, ask it to leave with a checkpoint, and end
    the process in time. SIGHUP asks nothing: the run goes on without its terminal.
    """

    def __init__(self, run: Callable[[], RunView | None], then: Callable[[int], None] = _nothing) -> None:
        """`run` returns the run, if one is training now. `then` is called with the number of each signal."""
        self._run = run
        self.then = then
        self.received: list[int] = []
        self._deadline = Deadline()
        self._before: dict[int, Callable[[int, FrameType | None], object] | int | None] = {}

    def __enter__(self) -> Self:
        if threading.current_thread() is threading.main_thread():  # Python lets no other thread set handlers
            self._before = {number: signal.signal(number, self._on_signal) for number in _HANDLED}
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    @property
    def exit_code(self) -> int | None:
        """The exit code that a shell gives for the signal received; None without one."""
        for number in (signal.SIGTERM, signal.SIGINT):
            if number in self.received:
                return 128 + number
        return None

    def _on_signal(self, number: int, _: FrameType | None) -> None:
        self.received.append(number)
        run = self._run()
        if number == signal.SIGTERM or (number == signal.SIGINT and number in self.received[:-1]):
            self._deadline.set(128 + number, training_began=run is not None and run.log.training_began)
            if run is not None:
                run.ask(Leave())
        elif number == signal.SIGINT and run is not None:
            run.ask(Stop())
        self.then(number)
