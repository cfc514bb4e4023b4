"""A run's folder, read as it grows: what is new in its journal and its losses, and whether its process lives.

A folder may be damaged, or made by somebody who wishes us ill: whatever is read from it is checked and bounded.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Self

import numpy as np

from engine.config import TrainingConfig
from engine.errors import ConstantError, RunFolderError
from engine.files import open_regular
from engine.record.events import Evaluated, Event, Failed, Finished, RunStarted, from_json
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.storage.lock import is_live

JOURNAL, LOSSES = "events.jsonl", "losses.f32"

_LONGEST_JOURNAL = 1 << 28
_LONGEST_LINE = 1 << 20
"""Bytes; 10,000 epochs with a hundred classes stay below both."""
_LONGEST_RUN = 1 << 29
"""Iterations: 10,000 epochs of CIFAR-10 one image at a time."""
_AT_ONCE = 1 << 20
"""Bytes that are read at a time."""


class Tail:
    """Fills `log` with what the run in `path` has written so far; `catch_up` takes what is new. Belongs to a thread."""

    def __init__(self, path: Path) -> None:
        """Raises `RunFolderError` where `path` is not the folder of a run."""
        self.path = path
        self.log = RunLog()
        self._started: RunStarted | None = None
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
        """Take what is new. Raises `RunFolderError` where the folder is damaged."""
        live = is_live(self.path)  # looked at first: what ends in between has then written all of its journal
        try:
            self._take_events()
            if losses and self._started is not None:
                self._take_losses()
        except OSError as error:
            raise RunFolderError(f"{self.path} cannot be read: {error.strerror}.") from None
        self.log.interrupted = not live and not self._closed

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
            raise RunFolderError(f"{self.path} was taken up again meanwhile; look at it anew.")
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
            event = from_json(line)
        except ValueError:
            raise self._damaged("not an event of this version") from None
        reason = self._implausible(event)
        if reason:
            raise self._damaged(reason)
        if isinstance(event, RunStarted):
            self._started = event
        self._closed = isinstance(event, Finished | Failed)
        try:
            self.log.event(event)
        except MemoryError:
            raise self._damaged("a run too long for this machine's memory") from None

    def _implausible(self, event: Event) -> str:
        """What no run of ours can have said, though each value by itself is well."""
        match event:
            case RunStarted():
                if self._started is not None:
                    return "the run starts a second time"
                if event.iterations > _LONGEST_RUN:
                    return "a run longer than any"
                try:
                    TrainingConfig.checked(event.config)
                except ConstantError as error:
                    return f"constants of another version: {error.message}"
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
