"""Which process trains a run: it holds a lock (flock) on a file of the run's folder until it ends.

The kernel releases the lock however the process ends. `flock` works between processes of one machine and on most
network file systems. Where it does not (some NFS servers), two machines could train the same run.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

import pydantic
from pydantic import ConfigDict, TypeAdapter

from engine.errors import RunFolderError
from engine.files import open_regular, read_bounded
from engine.storage.layout import LOCK
from engine.text import clean

_PATIENCE = 1.0
"""Seconds for which taking the lock is tried: `is_live` holds it for a moment."""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="ignore", allow_inf_nan=False))
class Holder:
    """The process that trains a run, and when it took the lock, in seconds since 1970."""

    host: str
    pid: int
    since: float


_HOLDER: TypeAdapter[Holder] = TypeAdapter(Holder)


def take(folder: Path) -> IO[bytes]:
    """Lock the run in `folder` for this process, until the returned file is closed.

    Raises `RunFolderError` if another process holds the lock, and `OSError`.
    """
    descriptor = open_regular(folder / LOCK, flags=os.O_RDWR | os.O_CREAT)
    lock = open(descriptor, "r+b", buffering=0)  # noqa: SIM115 - held for as long as the run lasts
    try:
        until = time.monotonic() + _PATIENCE
        while not _locked(lock, fcntl.LOCK_EX):
            if time.monotonic() > until:
                raise RunFolderError(held(folder))
            time.sleep(0.02)
        lock.truncate(0)
        lock.write(_HOLDER.dump_json(Holder(socket.gethostname(), os.getpid(), time.time())))
    except BaseException:
        lock.close()
        raise
    return lock


@contextmanager
def untrained(folder: Path) -> Iterator[None]:
    """Keep every process from training the run in `folder` meanwhile, without a trace of it.

    Raises `RunFolderError` if a process trains it, and `OSError`.
    """
    descriptor = _opened(folder)
    try:
        if descriptor is not None and not _locked(descriptor, fcntl.LOCK_EX):
            raise RunFolderError(held(folder))
        yield
    finally:
        if descriptor is not None:
            os.close(descriptor)


def _opened(folder: Path) -> int | None:
    """Return None if the run has no lock, as in a copy: whoever resumes it makes one."""
    try:
        return open_regular(folder / LOCK, flags=os.O_RDWR)
    except FileNotFoundError:
        return None


def is_live(folder: Path) -> bool:
    """Return whether a process trains the run in `folder` at this moment."""
    try:
        descriptor = os.open(folder / LOCK, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        return not _locked(descriptor, fcntl.LOCK_SH)
    except OSError:
        return False
    finally:
        os.close(descriptor)


def holder(folder: Path) -> Holder | None:
    """Return who took the lock of the run in `folder` last, or None if that cannot be read."""
    try:
        return _HOLDER.validate_json(read_bounded(folder / LOCK, 4096))
    except (OSError, ValueError):
        return None


def held(folder: Path) -> str:
    """Return the error message for a run that another process trains."""
    who = holder(folder)
    by = "another process"
    if who is not None:
        by = (
            f"process {who.pid} on {clean(who.host)} since {time.strftime('%Y-%m-%d %H:%M:%S', _local_time(who.since))}"
        )
    name = folder.name
    return f"{folder} is being trained by {by}. cifar-tui watch {name} shows it, cifar-tui stop {name} ends it."


def _local_time(since: float) -> time.struct_time:
    try:
        return time.localtime(since)
    except (OverflowError, ValueError, OSError):
        return time.localtime(0)


def _locked(file: IO[bytes] | int, how: int) -> bool:
    try:
        fcntl.flock(file, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
