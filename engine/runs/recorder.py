"""Reports a run to its folder and to memory, and keeps the training going if the disk fails."""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError

from engine.control import Control
from engine.errors import EngineError
from engine.export import FILES, bundle
from engine.record.events import DataProgress, Event, Failed, Finished, Notice, Paused, Resumed, RunStarted
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.storage.folder import RunFolder
from engine.storage.layout import TRACEBACK
from engine.text import clean


class Recorder:
    """Writes to the disk first and then to memory, so that an event that is seen has been saved.

    A disk that fails costs the record, never the training. The failure is reported as a notice, the write is tried
    again with the next one, and a failure that lasts is reported once more at the end.

    While images are read, several threads report their progress; otherwise only the run's thread calls this.
    """

    def __init__(self, log: RunLog, seconds: Callable[[], float]) -> None:
        self._log, self._seconds = log, seconds
        self._failing: dict[str, str] = {}
        self._lock = threading.RLock()  # an event that cannot be written leads to a notice, which is an event
        self.folder: RunFolder | None = None
        """Where to write to; None before the folder is made, or before it is certain that the run can be resumed."""
        self.discards = False
        """Whether the folder is removed again if the training never begins."""
        self.closed = False

    def event(self, event: Event) -> None:
        with self._lock:
            folder = self.folder
            if isinstance(event, RunStarted) and folder is not None:
                event = replace(event, config=dict(folder.recorded.constants))
            closing = isinstance(event, Finished | Failed)
            if closing:
                self._report_again()
            try:
                if folder is not None:
                    # The journal last: a run with a closing event has all its files, and one without is resumed.
                    if isinstance(event, Finished | Failed):
                        self.attempt("write the summary", lambda: self._write_bundle(event, folder))
                    self.attempt("write the journal", lambda: folder.event(event))
            finally:  # even if the summary fails in an unexpected way: watchers wait for the closing event
                self.closed = closing
                if closing and self.discards and folder is not None and not self._log.training_began:
                    self.folder = None
                    folder.discard()
                self._log.event(event)

    def losses(self, values: NDArray[np.float32]) -> None:
        folder = self.folder
        if folder is not None:
            self.attempt("write the losses", lambda: folder.losses(values))
        self._log.losses(values)

    def data_progress(self, activity: str, done: int, total: int | None, unit: Literal["bytes", "images"]) -> None:
        self.event(DataProgress(seconds=self._seconds(), activity=activity, done=done, total=total, unit=unit))

    def attempt(self, what: str, action: Callable[[], object]) -> bool:
        """Call `action`, which may fail with the disk. The first failure, and the end of it, become notices.

        Return whether it succeeded.
        """
        try:
            action()
        except (OSError, RuntimeError, SafetensorError, EngineError) as error:
            reason = clean(getattr(error, "strerror", None) or error)
            is_known, self._failing[what] = what in self._failing, reason
            if not is_known:
                self._notice(f"Could not {what}: {reason}. Training goes on, and it is tried again.")
            return False
        else:
            if self._failing.pop(what, None) is not None:
                self._notice(f"Could {what} again.")
            return True

    def _notice(self, text: str) -> None:
        self.event(Notice(seconds=self._seconds(), text=text))

    def _report_again(self) -> None:
        for what, reason in list(self._failing.items()):
            self._notice(f"At the end it still could not {what}: {reason}.")

    def _write_bundle(self, closing: Finished | Failed, folder: RunFolder) -> None:
        record = RunRecord(self._log)
        record.catch_up()
        if record.started is None:
            return
        record.apply(closing)
        # A run that was left has no time for more than the summary.
        bundle.write_own(record, folder.path, FILES[:1] if record.interrupted else FILES)

    def save_traceback(self, text: str) -> None:
        """Keep a traceback for a bug report."""
        folder = self.folder
        if folder is not None:
            self.attempt("save the traceback", lambda: (folder.path / TRACEBACK).write_text(text))

    def close(self) -> None:
        if self.folder is not None:
            with suppress(OSError):  # the failure has been reported
                self.folder.close()


class PreparationGate:
    """The gate for the threads that read images: it reports a pause, once for all of them."""

    def __init__(self, control: Control, recorder: Recorder, seconds: Callable[[], float]) -> None:
        self._control, self._recorder, self._seconds = control, recorder, seconds
        self._lock = threading.Lock()

    @property
    def stops(self) -> int:
        return self._control.stops

    def wait_while_paused(self) -> None:
        if not self._control.paused:
            return
        with self._lock:
            if self._control.paused:
                self._recorder.event(Paused(seconds=self._seconds(), iteration=0))
                self._control.wait_while_paused()
                self._recorder.event(Resumed(seconds=self._seconds(), iteration=0))
