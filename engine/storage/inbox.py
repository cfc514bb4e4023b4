"""Requests to a run of another process: lines in a file of its folder, which the run looks at a few times a second.

A file works wherever the folder is seen: from another terminal, another container, another machine.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Literal

from engine.control import Control
from engine.errors import RunFolderError
from engine.files import open_regular
from engine.storage.durable import write_all

REQUESTS = "requests"

_LOOKS_EVERY = 0.2
"""Seconds between two looks for requests."""

_MOST = 1 << 16
"""Bytes of requests that one look takes."""

Request = Literal["pause", "resume", "stop", "leave"]


def ask(folder: Path, request: Request) -> None:
    """Ask the run in `folder`. Raises `RunFolderError` where that cannot be written."""
    try:
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW
        descriptor = os.open(folder / REQUESTS, flags, 0o666)
        try:
            write_all(descriptor, memoryview(request.encode() + b"\n"))
        finally:
            os.close(descriptor)
    except OSError as error:
        raise RunFolderError(f"{folder} cannot be told to {request}: {error.strerror}.") from None


class Listener:
    """Passes what is asked of the run in `folder` on to its `control`, until it is closed."""

    def __init__(self, folder: Path, control: Control) -> None:
        """What was asked of an earlier process is forgotten."""
        self._path = folder / REQUESTS
        self._does: dict[bytes, Callable[[], None]] = {
            b"pause": control.pause,
            b"resume": control.resume,
            b"stop": control.stop,
            b"leave": control.leave,
        }
        self._taken = 0
        with suppress(OSError):  # whatever is in its place that is no file is not read either
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
        """Do what was asked since the last look."""
        try:
            with open(open_regular(self._path), "rb") as file:
                file.seek(self._taken)
                lines = file.read(_MOST).split(b"\n")
        except OSError:
            return
        for line in lines[:-1]:  # the last one is empty, or still being written
            self._taken += len(line) + 1
            self._does.get(line, _nothing)()


def _nothing() -> None:
    """What is not understood is left alone."""
