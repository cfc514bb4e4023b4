"""Who trains a run: a lock on a file of its folder, which the system takes back when the process ends, however it ends.

`flock` holds among the processes of one machine, and on most network file systems; where it does not (some NFS), two
machines could train the same run.
"""

from __future__ import annotations

import fcntl
import os
import socket
import time
from pathlib import Path
from typing import IO

import pydantic
from pydantic import ConfigDict, TypeAdapter

from engine.errors import RunFolderError
from engine.files import read_bounded
from engine.text import clean

LOCK = "lock"

_PATIENCE = 1.0
"""Seconds for which a lock is tried: whoever looks whether a run is live holds it for a moment."""


@pydantic.dataclasses.dataclass(frozen=True, config=ConfigDict(extra="forbid", allow_inf_nan=False))
class Holder:
    """Who trains a run, and since when, as seconds since 1970."""

    host: str
    pid: int
    since: float


_HOLDER: TypeAdapter[Holder] = TypeAdapter(Holder)


def take(folder: Path) -> IO[bytes]:
    """Lock the run in `folder` for this process until the file is closed. Raises `RunFolderError` and `OSError`."""
    descriptor = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
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


def is_live(folder: Path) -> bool:
    """Whether a process trains the run in `folder` right now."""
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
    """Who took the lock of the run in `folder` last; None where that cannot be told."""
    try:
        return _HOLDER.validate_json(read_bounded(folder / LOCK, 4096))
    except (OSError, ValueError):
        return None


def held(folder: Path) -> str:
    """What to tell somebody who wants to train a run that is being trained."""
    who = holder(folder)
    by = "another process"
    if who is not None:
        by = f"process {who.pid} on {clean(who.host)} since {time.strftime('%Y-%m-%d %H:%M:%S', _moment(who.since))}"
    name = folder.name
    return f"{folder} is being trained by {by}. cifar-tui watch {name} shows it, cifar-tui stop {name} ends it."


def _moment(since: float) -> time.struct_time:
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
