"""Which workers of a sweep live. Each holds a lock on a file of its own, which the kernel releases when it ends.

From another machine the lock may not be seen: there the time of the file tells, which the worker renews.
"""

from __future__ import annotations

import fcntl
import os
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from engine.files import open_regular
from engine.sweeps.folder import WORKERS

RENEWED_EVERY = 10.0
"""Seconds between two signs of life."""

GONE_AFTER = 90.0
"""Seconds without one after which a worker of another machine is taken for dead."""


class Worker:
    """This process, as a worker of the sweep in `folder`. Raises `OSError`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / WORKERS
        self.id = f"{_host()}-{os.getpid()}-{time.time_ns()}"
        self._path = self._folder / self.id
        self._descriptor = open_regular(self._path, flags=os.O_RDWR | os.O_CREAT | os.O_EXCL)
        with suppress(OSError):  # a file system without locks: the time of the file is all there is
            fcntl.flock(self._descriptor, fcntl.LOCK_EX)
        self._renewed = time.monotonic()

    def renew(self) -> None:
        """Give a sign of life, if it is time for one."""
        if time.monotonic() - self._renewed >= RENEWED_EVERY:
            self._renewed = time.monotonic()
            os.utime(self._path)

    def lives(self, worker: str) -> bool:
        """Return whether a worker lives, as far as this machine can tell. This one does."""
        return worker == self.id or lives(self._folder / worker)

    def close(self) -> None:
        """Leave no trace."""
        with suppress(OSError):
            self._path.unlink()
        os.close(self._descriptor)


def living(folder: Path) -> Iterator[str]:
    """Yield the workers of the sweep in `folder` that live."""
    with suppress(OSError):
        for name in os.listdir(folder / WORKERS):
            if lives(folder / WORKERS / name):
                yield name


def lives(path: Path) -> bool:
    """Return whether the worker lives whose file is `path`."""
    if not re.fullmatch(r"[\w.-]+-[0-9]+-[0-9]+", path.name):
        return False
    try:
        descriptor = open_regular(path, flags=os.O_RDWR)
    except OSError:
        return False
    try:
        if path.name.rsplit("-", 2)[0] == _host():
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return True
            except OSError:
                pass
            else:
                return False
        return time.time() - os.fstat(descriptor).st_mtime < GONE_AFTER
    finally:
        os.close(descriptor)


def _host() -> str:
    return re.sub(r"[^\w.]", "_", socket.gethostname())[:80] or "host"
