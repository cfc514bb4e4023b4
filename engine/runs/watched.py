"""A run of another process, followed through its folder. It offers the same as `local.Run`.

Whether that process is alive is known from the lock that it holds, not from how long it has been silent.
"""

from __future__ import annotations

import subprocess
import threading
import time
from datetime import datetime
from pathlib import Path
from typing import Self

from engine.control import Request
from engine.errors import EngineError, RunFolderError
from engine.record.events import Failed, Finished, RunResumed, RunStarted
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.storage import lock
from engine.storage.inbox import Outbox
from engine.storage.tail import Tail

_LOOKS_EVERY = 0.2
"""Seconds between two looks at the folder. Losses are written four times a second."""


class WatchedRun:
    """The run in `folder`, live or ended: `start` to watch it and `close` at the end. The run is not affected."""

    is_local = False

    def __init__(self, folder: Path, process: subprocess.Popen[str] | None = None) -> None:
        """`process` was just started and has not made the folder yet.

        Raises `RunFolderError` if there is neither a folder of a run nor a process.
        """
        self.folder = folder
        self.error: EngineError | None = None
        """Why the run can no longer be watched, or why `process` never began."""
        self._outbox = Outbox(folder)
        self._process = process
        self._tail = None if process else Tail(folder)
        self.log = self._tail.log if self._tail else RunLog()
        self._known = 0
        self._began = _since(folder)
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=f"watch {folder.name}", daemon=True)
        if self._tail is not None:
            self._look(self._tail)

    def start(self) -> Self:
        self._thread.start()
        return self

    def ask(self, request: Request) -> None:
        """Write `request` to the run's folder. Raises `RunFolderError` if that fails."""
        self._outbox.ask(request)

    def close(self) -> None:
        """Stop watching. This ends a pause that was asked for here, as the end of this process does."""
        self._outbox.close()
        self._closing.set()
        if self._thread.ident is not None:
            self._thread.join(1.0)  # not for ever: the disk may not answer
        elif self._tail is not None:  # never started
            self._tail.close()

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the run to end, at most `timeout` seconds. Return whether it has ended."""
        self._thread.join(timeout)
        return not self._thread.is_alive()

    def seconds(self) -> float:
        """Time since the start of the run, on the clock of its events."""
        return max(0.0, time.time() - self._began)

    def record(self) -> RunRecord:
        record = RunRecord(self.log)
        record.catch_up()
        return record

    @property
    def ended(self) -> bool:
        return self.log.interrupted or any(isinstance(event, Finished | Failed) for event in self.log.events[-1:])

    def _watch(self) -> None:
        try:
            tail = self._tail or self._wait_for_folder()
            try:
                while not self.ended and not self._closing.wait(_LOOKS_EVERY):
                    self._look(tail)
            finally:
                tail.close()
        except EngineError as error:
            self.error = error
            self.log.interrupted = True

    def _look(self, tail: Tail) -> None:
        tail.catch_up()
        events = self.log.events
        for event in events[self._known :]:
            if isinstance(event, RunStarted | RunResumed):
                self._began = _moment(event.at, self._began + event.seconds) - event.seconds
        self._known = len(events)

    def _wait_for_folder(self) -> Tail:
        assert self._process is not None
        while not self._closing.wait(_LOOKS_EVERY / 2):
            if self.folder.is_dir():
                tail = Tail(self.folder)
                tail.log = self.log
                self._began = _since(self.folder)
                return tail
            if self._process.poll() is not None:
                said = self._process.communicate()[1].strip().removeprefix("cifar-tui: ")
                raise RunFolderError(said or f"The process ended with exit code {self._process.returncode}.")
        raise RunFolderError("The run is no longer watched.")


def _since(folder: Path) -> float:
    """Return when the training process took the run, in seconds since 1970; the time now if unknown."""
    who = lock.holder(folder)
    return who.since if who is not None else time.time()


def _moment(at: str, otherwise: float) -> float:
    try:
        return datetime.fromisoformat(at).timestamp()
    except (ValueError, OverflowError):
        return otherwise
