"""The folder of a run that this process trains: made or taken over, locked, and written to."""

from __future__ import annotations

import errno
import math
import os
import shutil
import time
from contextlib import suppress
from pathlib import Path
from typing import IO, Self

import numpy as np
from numpy.typing import NDArray

from engine.errors import ConstantError, RunFolderError
from engine.record.event_json import to_json
from engine.record.events import DataProgress, Event, RunStarted
from engine.storage import lock as locks
from engine.storage import origin
from engine.storage.checkpoint import Checkpoint
from engine.storage.durable import GrowingFile, replace_synced, sync_folder, write_synced
from engine.storage.layout import CONFIG, JOURNAL, LOSSES
from engine.storage.recorded import Recorded

_LOSSES_EVERY = 0.25
"""Seconds between two writes of the losses: often enough for a watcher, and no cost to the training."""

_PROGRESS_EVERY = 1.0
"""Seconds between two lines of the journal about the preparation of images."""


class RunFolder:
    """The folder of a run, locked by this process. Not thread-safe.

    Every method that writes may raise `OSError`; `engine.runs.recorder` decides what that means for the training.
    Content that could not be written is written with the next write that succeeds.
    """

    def __init__(self, path: Path, lock: IO[bytes], recorded: Recorded) -> None:
        """Takes over `lock`. Use `create` or `hold`."""
        self.path = path
        self.recorded = recorded
        self._lock = lock
        self._journal = GrowingFile(path / JOURNAL)
        self._losses = GrowingFile(path / LOSSES)
        self._told_progress = -math.inf
        self._written_at = time.monotonic()

    @classmethod
    def create(cls, path: Path, recorded: Recorded, begins_with: Checkpoint | None = None) -> Self:
        """Make the folder of a new run, complete or not at all, with a copy of the checkpoint that it begins with.

        Raises `ConstantError` and `RunFolderError`.
        """
        making = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            lock = locks.take(making)
            try:
                write_synced(making / CONFIG, recorded.as_json(path.name))
                if begins_with is not None:
                    origin.copy(begins_with, making)
                folder = cls(making, lock, recorded)
                if os.path.lexists(path):  # rename would replace an empty folder
                    raise FileExistsError
                making.rename(path)
                folder.path = path
                with suppress(OSError):  # the folder is there; the next checkpoint syncs again
                    sync_folder(path.parent)
                return folder
            except BaseException:
                lock.close()
                raise
        except OSError as error:
            shutil.rmtree(making, ignore_errors=True)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR) or isinstance(error, FileExistsError):
                raise ConstantError({"name": f"{path} exists already; choose another name"}) from None
            raise ConstantError(
                {"runs_dir": f"{path} cannot be made: {error.strerror}; choose another folder"}
            ) from None

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Lock the folder of a run that no process trains. Changes nothing else. Raises `RunFolderError`."""
        recorded = Recorded.read(path)
        try:
            lock = locks.take(path)
        except OSError as error:
            raise RunFolderError(f"{path} cannot be locked: {error.strerror}.") from None
        try:
            return cls(path, lock, recorded)
        except OSError as error:
            lock.close()
            raise RunFolderError(f"{path} cannot be written to: {error.strerror}.") from None

    def cut(self, journal_bytes: int, iterations: int) -> None:
        """Go back to when the journal was that long and that many iterations were done."""
        self._journal.cut(journal_bytes)
        self._losses.cut(4 * iterations)

    def holds(self, journal_bytes: int, iterations: int) -> bool:
        """Return whether `cut` can go back that far: the journal and the losses until then are still there."""
        return self._journal.length >= journal_bytes and self._losses.length >= 4 * iterations

    def event(self, event: Event) -> None:
        """Add `event` to the journal, after the losses that came before it."""
        if isinstance(event, DataProgress):
            if event.done != event.total and event.seconds - self._told_progress < _PROGRESS_EVERY:
                return
            self._told_progress = event.seconds
        self._journal.add(to_json(event) + b"\n")
        self._write()
        if isinstance(event, RunStarted):
            replace_synced(self.path / CONFIG, self.recorded.as_json(self.path.name, event))

    def losses(self, values: NDArray[np.float32]) -> None:
        """Add the losses of the next iterations, shape (n,). They reach the disk a moment later."""
        self._losses.add(values.astype("<f4", copy=False).tobytes())
        if time.monotonic() - self._written_at >= _LOSSES_EVERY:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        self._losses.write()
        self._journal.write()

    def sync(self) -> int:
        """Write and fsync everything so far. Return the length of the journal in bytes."""
        self._losses.sync()
        self._journal.sync()
        return self._journal.length

    def close(self) -> None:
        """Release the files and the lock, after a last attempt to write what is left."""
        try:
            self._write()
        finally:
            self._journal.close()
            self._losses.close()
            self._lock.close()

    def discard(self) -> None:
        """Remove the folder of a run that never began, and the folder of runs if it is empty then."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            self.path.parent.rmdir()
        with suppress(OSError):
            self.close()
