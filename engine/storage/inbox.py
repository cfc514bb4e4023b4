"""Requests to a run in another process: lines in a file of its folder, which the run reads a few times a second.

A file works wherever the folder can be seen: from another terminal, another container, another machine.
"""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import get_args

from pydantic import TypeAdapter

from engine.control import Control, Request
from engine.errors import RunFolderError
from engine.files import open_regular
from engine.storage.durable import write_all

REQUESTS = "requests"

_LOOKS_EVERY = 0.2
"""Seconds between two looks for requests."""

_MOST = 1 << 16
"""Bytes of requests that one look takes."""

_ADAPTERS: dict[str, TypeAdapter[Request]] = {kind.__name__.lower(): TypeAdapter(kind) for kind in get_args(Request)}
"""Every request by its word in the file."""


def to_line(request: Request) -> bytes:
    """One line of the file, without the line break: a word such as `pause`, then its fields as JSON."""
    word = type(request).__name__.lower()
    fields = _ADAPTERS[word].dump_json(request)
    return word.encode() if fields == b"{}" else word.encode() + b" " + fields


def from_line(line: bytes) -> Request | None:
    """The request that `to_line` wrote. None for anything else."""
    word, _, fields = line.partition(b" ")
    try:
        return _ADAPTERS[word.decode()].validate_json(fields or b"{}")
    except (KeyError, ValueError):
        return None


def ask(folder: Path, request: Request) -> None:
    """Leave `request` for the run in `folder`. Raises `RunFolderError` if it cannot be written."""
    line = to_line(request)
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
        descriptor = os.open(folder / REQUESTS, flags, 0o666)
        try:
            write_all(descriptor, memoryview(line + b"\n"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be told to {line.decode()}: {error.strerror}.") from None


class Listener:
    """Passes requests in the run's folder on to `control`, until it is closed."""

    def __init__(self, folder: Path, control: Control) -> None:
        """Requests to an earlier process are removed."""
        self._path = folder / REQUESTS
        self._control = control
        self._taken = 0
        with suppress(OSError):  # a folder in its place stays, and is not read
            self._path.unlink(missing_ok=True)
        self._closed = threading.Event()
        self._thread = threading.Thread(target=self._listen, name="requests", daemon=True)
        self._thread.start()

    def close(self) -> None:
        self._closed.set()
        self._thread.join()

    def _listen(self) -> None:
        while not self._closed.wait(_LOOKS_EVERY):
            self.look()

    def look(self) -> None:
        """Pass on the requests since the last look. Lines that are no request are skipped."""
        try:
            with open(open_regular(self._path), "rb") as file:
                file.seek(self._taken)
                lines = file.read(_MOST).split(b"\n")
        except OSError:
            return
        for line in lines[:-1]:  # the last one is empty, or still being written
            self._taken += len(line) + 1
            request = from_line(line)
            if request is not None:
                self._control.ask(request)
