"""Reads a run's folder as it grows: new events and losses, and whether the run's process is alive.

A folder can be damaged or malicious, so everything read from it is checked and bounded. It can also be of another
version: names that this version does not know are skipped and reported in a notice.
"""

from __future__ import annotations

import os
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Self

import numpy as np

from engine.config import CONSTANTS
from engine.errors import RunFolderError
from engine.files import open_regular
from engine.record.event_json import from_json
from engine.record.events import (
    SCHEMA_VERSION,
    Changed,
    Evaluated,
    Event,
    Failed,
    Finished,
    Notice,
    RunResumed,
    RunStarted,
)
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.storage.layout import JOURNAL, LOSSES
from engine.storage.lock import is_live

_LONGEST_JOURNAL = 1 << 28
_LONGEST_LINE = 1 << 20
"""Bytes; 10,000 epochs with a hundred classes stay below both."""
_LONGEST_RUN = 1 << 29
"""Iterations: 10,000 epochs of CIFAR-10 with batches of one image."""
_AT_ONCE = 1 << 20
"""Bytes read at a time."""
_PART = 1 << 16
"""Bytes of the first and the last part of a long journal that the list of runs reads."""
_MOST_UNKNOWN = 20
"""Unknown names that are reported; the others are skipped without a notice."""


class Tail:
    """Reads the run in `path` into `log`; `catch_up` reads what is new. Not thread-safe."""

    def __init__(self, path: Path) -> None:
        """Raises `RunFolderError` if `path` is not the folder of a run."""
        self.path = path
        self.log = RunLog()
        self._started: RunStarted | None = None
        self._version: int | None = None
        """The version of the program that wrote the journal's latest part."""
        self._unknown: set[str] = set()
        self._seconds = 0.0
        self._closed = False
        self._lines = 0
        self._taken = 0
        self._rest = b""
        self._journal = self._open(JOURNAL)
        try:
            self._losses = self._open(LOSSES)
        except RunFolderError:
            os.close(self._journal)
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        os.close(self._journal)
        os.close(self._losses)

    def catch_up(self, *, losses: bool = True) -> None:
        """Read what is new. Raises `RunFolderError` if the folder is damaged."""
        live = is_live(self.path)  # first: a run that ends after this look has then written all of its journal
        try:
            self._take_events()
            if losses and self._started is not None:
                self._take_losses()
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be read: {error.strerror}.") from None
        self.log.interrupted = not live and not self._closed

    def skip_middle(self) -> bool:
        """Read the start of the run from the journal's first part, and continue with its last part.

        Return False if the first part holds no start; the journal must be read in full then.
        """
        size = os.fstat(self._journal).st_size
        for line in os.pread(self._journal, _PART, 0).split(b"\n")[:-1]:
            self._lines += 1
            self._take(line)
            if self._started is not None:
                end = os.pread(self._journal, _PART, size - _PART)
                self._taken = size - _PART + end.find(b"\n") + 1
                return True
        return False

    def record(self) -> RunRecord:
        record = RunRecord(self.log)
        record.catch_up()
        return record

    def _open(self, name: str) -> int:
        try:
            return open_regular(self.path / name)
        except OSError as error:
            raise RunFolderError(f"{self.path} is not the folder of a run: {error.strerror} ({name}).") from None

    def _take_events(self) -> None:
        size = os.fstat(self._journal).st_size
        if size < self._taken:
            raise RunFolderError(f"{self.path} has been resumed from a checkpoint. Open it again.")
        if size > _LONGEST_JOURNAL:
            raise RunFolderError(f"{self.path / JOURNAL} is larger than any run's: {size:,} bytes.")
        while content := os.pread(self._journal, _AT_ONCE, self._taken):
            self._taken += len(content)
            *lines, self._rest = (self._rest + content).split(b"\n")
            if len(self._rest) > _LONGEST_LINE:
                raise self._damaged("longer than any event")
            for line in lines:
                self._lines += 1
                self._take(line)

    def _take(self, line: bytes) -> None:
        try:
            event, unknown = from_json(line)
        except ValueError:
            if self._is_newer():
                return self._report_unknown(f"line {self._lines}")
            raise self._damaged("not an event of this version") from None
        if isinstance(event, RunStarted):
            event = replace(event, name=self.path.absolute().name)  # the folder may have been renamed
        if isinstance(event, RunStarted | RunResumed):
            self._version = event.schema_version
        if unknown:
            if self._version is not None and not self._is_newer():
                raise self._damaged("not an event of this version")
            for name in unknown:
                self._report_unknown(name)
        if event is not None:
            self._add(event)
        return None

    def _is_newer(self) -> bool:
        return self._version is not None and self._version > SCHEMA_VERSION

    def _add(self, event: Event) -> None:
        reason = self._implausible(event)
        if reason:
            raise self._damaged(reason)
        self._seconds = event.seconds
        self._closed = isinstance(event, Finished | Failed)
        try:
            self.log.event(event)
        except MemoryError:
            raise self._damaged("a run too long for this machine's memory") from None
        if isinstance(event, RunStarted):
            self._started = event
            known = {constant.name for constant in CONSTANTS}
            for name in event.config:
                if name not in known:
                    self._report_unknown(f"the constant {name}")

    def _report_unknown(self, name: str) -> None:
        """Report once that this version does not know `name`, in a notice among the events."""
        if name in self._unknown or len(self._unknown) >= _MOST_UNKNOWN:
            return
        self._unknown.add(name)
        text = f"This run was recorded by another version of cifar-tui; this version does not show {name[:60]}."
        self.log.event(Notice(seconds=self._seconds, text=text))

    def _implausible(self, event: Event) -> str:
        """Return why no run can have written `event`, though each of its values is allowed; else an empty string."""
        match event:
            case RunStarted():
                if self._started is not None:
                    return "the run starts a second time"
                if event.iterations > _LONGEST_RUN:
                    return "a run longer than any"
            case Changed():
                if self._started is None:
                    return "a change before the run starts"
                if event.name == "epochs" and not _are_epochs(event.after, self._started.batches):
                    return "epochs that no run can have"
            case Evaluated():
                classes = len(self._started.dataset.classes) if self._started else 0
                if len(event.matrix) != classes or any(len(row) != classes for row in event.matrix):
                    return "a confusion matrix that does not fit the classes"
        return ""

    def _damaged(self, how: str) -> RunFolderError:
        return RunFolderError(f"{self.path / JOURNAL}, line {self._lines}: {how}.")

    def _take_losses(self) -> None:
        buffer = self.log.loss_buffer
        while left := buffer.capacity - len(buffer):
            content = os.pread(self._losses, min(_AT_ONCE, 4 * left), 4 * len(buffer))
            values = np.frombuffer(content[: len(content) // 4 * 4], dtype="<f4")
            if not len(values):
                break
            buffer.append(values)


def read(path: Path, *, losses: bool = True) -> RunRecord:
    """Return the record of the run in `path`. Raises `RunFolderError` if it is no run, or a damaged one."""
    with Tail(path) as tail:
        tail.catch_up(losses=losses)
        return tail.record()


def read_state(path: Path) -> RunRecord:
    """Return a record with the start, the status and the newest evaluation of a run: what a list of runs needs.

    The middle of a long journal is not read. Raises `RunFolderError` like `read`.
    """
    if _size(path / JOURNAL) > 4 * _PART:
        with suppress(RunFolderError), Tail(path) as tail:  # reading in full gives the line that is damaged
            if tail.skip_middle():
                tail.catch_up(losses=False)
                record = tail.record()
                if record.evaluations:
                    return record
    return read(path, losses=False)


def _are_epochs(value: float, batches: int) -> bool:
    return isinstance(value, int) and 1 <= value <= _LONGEST_RUN // batches


def _size(path: Path) -> int:
    try:
        return path.stat(follow_symlinks=False).st_size
    except OSError:
        return 0
