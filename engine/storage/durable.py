"""Files that survive a crash: written through to the disk with fsync."""

from __future__ import annotations

import os
from pathlib import Path


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file and wait until the disk has it. Raises `OSError`."""
    with path.open("xb", buffering=0) as file:
        write_all(file.fileno(), memoryview(content))
        os.fsync(file.fileno())


def replace_synced(path: Path, content: bytes) -> None:
    """Put `content` in the place of what `path` holds: at any moment there is either the old or the new, whole."""
    temporary = path.with_name(f".{path.name}.{os.getpid()}")
    temporary.unlink(missing_ok=True)
    try:
        write_synced(temporary, content)
        temporary.rename(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync_folder(path.parent)


def sync_folder(path: Path) -> None:
    """Wait until the disk knows which files `path` holds: a rename is not there before."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_all(descriptor: int, content: memoryview) -> None:
    """Write all of `content`; the system may take it in pieces."""
    while content:
        content = content[os.write(descriptor, content) :]


class GrowingFile:
    """A file that is only appended to. What the disk does not take stays in line until it does."""

    def __init__(self, path: Path) -> None:
        self._descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o666)
        self._waiting = bytearray()
        self.length = os.fstat(self._descriptor).st_size
        """Bytes that the file holds once all that waits is written."""

    def add(self, content: bytes) -> None:
        """Put `content` in line."""
        self._waiting += content
        self.length += len(content)

    def write(self) -> None:
        """Write what waits. Raises `OSError`; what was not written waits on."""
        while self._waiting:
            del self._waiting[: os.write(self._descriptor, self._waiting)]

    def sync(self) -> None:
        """Write what waits, and wait until the disk has it."""
        self.write()
        os.fsync(self._descriptor)

    def cut(self, length: int) -> None:
        """Drop all behind the first `length` bytes. Raises `OSError`, also where there are fewer."""
        if self.length < length:
            raise OSError(0, f"shorter than {length:,} bytes")
        os.ftruncate(self._descriptor, length)
        os.fsync(self._descriptor)
        self.length = length

    def close(self) -> None:
        os.close(self._descriptor)
