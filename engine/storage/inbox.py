"""Requests to a run in another process: lines in a file of its folder, which the run reads a few times a second.

A file works wherever the folder can be seen: from another terminal, another container, another machine.

A pause lasts as long as a process holds it: the one that asked for it keeps a shared lock (flock) on the file. The
kernel releases the lock when that process ends, however it ends, and then the run goes on. So a run is never left
paused by an app whose terminal hung up, that crashed, or that was killed.
"""

from __future__ import annotations

import fcntl
import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Self, get_args

from pydantic import TypeAdapter

from engine.control import Control, Pause, Request, Resume, Wish
from engine.errors import RunFolderError
from engine.files import open_regular
from engine.storage.durable import write_all
from engine.storage.layout import REQUESTS

_LOOKS_EVERY = 0.2
"""Seconds between two looks for requests."""

_MOST = 1 << 16
"""Bytes of requests that one look reads."""

_ADAPTERS: dict[str, TypeAdapter[Request]] = {kind.__name__.lower(): TypeAdapter(kind) for kind in get_args(Request)}
"""Every request by its word in the file."""


def to_line(request: Request) -> bytes:
    """Return one line without the line break: a word such as `pause`, then the fields as JSON if there are any."""
    word = type(request).__name__.lower()
    fields = _ADAPTERS[word].dump_json(request)
    return word.encode() if fields == b"{}" else word.encode() + b" " + fields


def from_line(line: bytes) -> Request | None:
    """Return the request that `to_line` wrote, or None for anything else."""
    word, _, fields = line.partition(b" ")
    try:
        return _ADAPTERS[word.decode()].validate_json(fields or b"{}")
    except (KeyError, ValueError):
        return None


class Outbox:
    """Writes requests to the run in `folder`, and holds its pause. Not thread-safe."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pause: int | None = None
        """The locked file, while this process wants the run to be paused."""

    def ask(self, request: Request) -> None:
        """Raises `RunFolderError` if the request cannot be written."""
        line = to_line(request)
        try:
            descriptor = open_regular(self._folder / REQUESTS, flags=os.O_RDWR | os.O_APPEND | os.O_CREAT)
            try:
                if not isinstance(request, Wish):
                    self.close()
                if isinstance(request, Pause):
                    with suppress(OSError):  # no locks on this file system: the pause lasts until it is ended
                        fcntl.flock(descriptor, fcntl.LOCK_SH)
                    self._pause = os.dup(descriptor)
                write_all(descriptor, memoryview(line + b"\n"))
            finally:
                os.close(descriptor)
        except OSError as error:
            word = line.partition(b" ")[0].decode()
            raise RunFolderError(f"The run in {self._folder} cannot be asked to {word}: {error.strerror}.") from None

    def close(self) -> None:
        """Let go of the pause, if there is one: the run goes on."""
        if self._pause is not None:
            os.close(self._pause)
            self._pause = None


class Inbox:
    """Passes the requests in the folder of this process's run on to `control`: `start` to look again and again."""

    def __init__(self, folder: Path, control: Control) -> None:
        """Requests to an earlier process are removed."""
        self._path = folder / REQUESTS
        self.control = control
        self._taken = 0
        self._paused = False
        """Whether the pause was asked for here, and not in this process."""
        with suppress(OSError):  # a folder in its place stays, and is not read
            self._path.unlink(missing_ok=True)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="requests", daemon=True)

    def start(self) -> Self:
        self._thread.start()
        return self

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._closed.wait(_LOOKS_EVERY):
            self.look()

    def look(self) -> None:
        """Pass on the requests since the last look. A line that is no request is skipped."""
        try:
            with open(open_regular(self._path, flags=os.O_RDWR), "rb") as file:  # RDWR: NFS locks only such files
                file.seek(self._taken)
                content = file.read(_MOST)
                self._take(content)
                self._paused = self._paused and self.control.paused
                if self._paused and not _is_held(file.fileno()):
                    self.control.ask(Resume())
        except OSError:
            return

    def _take(self, content: bytes) -> None:
        lines = content.split(b"\n")
        if len(content) == _MOST and len(lines) == 1:  # longer than any request
            self._taken += _MOST
        for line in lines[:-1]:  # the last one is empty, or still being written
            self._taken += len(line) + 1
            request = from_line(line)
            if request is not None:
                if not isinstance(request, Wish):  # those leave a pause as it is
                    self._paused = isinstance(request, Pause) and (self._paused or not self.control.paused)
                self.control.ask(request)


def _is_held(descriptor: int) -> bool:
    """Return whether a process holds the pause. If the file system has no locks, it counts as held."""
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    fcntl.flock(descriptor, fcntl.LOCK_UN)
    return False
