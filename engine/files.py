"""Files that others may have put there: opened only if they are regular files, read only up to a limit."""

from __future__ import annotations

import os
import stat
from pathlib import Path


def open_regular(path: Path, *, follow_links: bool = False, flags: int = os.O_RDONLY) -> int:
    """Open `path` and return the descriptor. Never blocks.

    Raises `OSError` if it is no regular file: a folder, a FIFO, a socket or a device, or a link unless `follow_links`.
    """
    links = 0 if follow_links else os.O_NOFOLLOW
    # O_NONBLOCK: opening a FIFO would otherwise wait for its other end.
    descriptor = os.open(path, flags | links | os.O_NONBLOCK | os.O_CLOEXEC, 0o666)
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise OSError(0, "not a regular file", str(path))
    return descriptor


def read_bounded(path: Path, most: int, *, follow_links: bool = False) -> bytes:
    """Return the content of a regular file of at most `most` bytes. Raises `OSError` for any other."""
    with open(open_regular(path, follow_links=follow_links), "rb") as file:
        content = file.read(most + 1)
    if len(content) > most:
        raise OSError(0, f"larger than {most:,} bytes", str(path))
    return content


def expanded(path: Path | str) -> Path:
    """Return `path` with a leading `~` replaced by the home folder. Never raises: an unknown user's `~name` stays."""
    return Path(os.path.expanduser(path))
