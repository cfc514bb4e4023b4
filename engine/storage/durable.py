"""Files that survive a crash: written with fsync, replaced by a rename."""

from __future__ import annotations

import os
from pathlib import Path

from engine.files import open_regular


def write_synced(path: Path, content: bytes) -> None:
    """Write a new file, and fsync it. Raises `OSError`."""
    with path.open("xb", buffering=0) as file:
        write_all(file.fileno(), memoryview(content))
        os.fsync(file.fileno())


def replace_synced(path: Path, content: bytes) -> None:
    """Replace the content of `path`. At any moment the file holds all of the old content or all of the new."""
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
    """Fsync the folder: before that, a rename in it can be lost in a crash."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_all(descriptor: int, content: memoryview) -> None:
    """Write all of `content`, in several calls if necessary."""
    while content:
        content = content[os.write(descriptor, content) :]


class GrowingFile:
    """A file that is only appended to. Content that could not be written is kept, and written with the next call."""

    def __init__(self, path: Path) -> None:
        self._descriptor = open_regular(path, flags=os.O_RDWR | os.O_APPEND | os.O_CREAT)
        self._waiting = bytearray()
        self.length = os.fstat(self._descriptor).st_size
        """Bytes of the file, including those still to be written."""

    def add(self, content: bytes) -> None:
        """Add `content` to what is to be written."""
        self._waiting += content
        self.length += len(content)

    def write(self) -> None:
        """Write what has been added. Raises `OSError`; the rest is kept."""
        while self._waiting:
            del self._waiting[: os.write(self._descriptor, self._waiting)]

    def sync(self) -> None:
        """Write what has been added, and fsync."""
        self.write()
        os.fsync(self._descriptor)

    def cut(self, length: int) -> None:
        """Keep only the first `length` bytes. Raises `OSError`, also if there are fewer."""
        if self.length < length:
            raise OSError(0, f"shorter than {length:,} bytes")
        os.ftruncate(self._descriptor, length)
        os.fsync(self._descriptor)
        self.length = length

    def close(self) -> None:
        os.close(self._descriptor)
