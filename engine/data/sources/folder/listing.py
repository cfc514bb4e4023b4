"""What is in a folder of images, without opening any of them."""

from __future__ import annotations

import itertools
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

from engine.config import CONSTANTS
from engine.data.cache import cache_key
from engine.data.imageset import SUFFIXES
from engine.errors import ConstantError
from engine.files import expanded
from engine.text import clean, counted

_ALLOWED = next(constant.allowed for constant in CONSTANTS if constant.name == "data")

NAMED = 5
"""How many entries of a list a message names."""


Entry = str
"""A file without its content: folder, name, size in bytes and modification time, separated by NUL.

A string, because the garbage collector does not track strings. 60,000 objects of another type would make it go through
all of torch's objects again and again, which takes longer than listing the folder.
"""


class File(NamedTuple):
    folder: str
    name: str
    size: int
    changed: int
    """Nanoseconds, or -1 if it is not a regular file."""

    @classmethod
    def of(cls, entry: Entry) -> Self:
        folder, name, size, changed = entry.split("\0")
        return cls(folder, name, int(size), int(changed))

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"


@dataclass(frozen=True)
class Listing:
    """The content of the folder, before any image is opened."""

    root: Path
    classes: tuple[str, ...]
    """Names of the folders, sorted."""
    train: list[list[Entry]]
    """The files of each class."""
    test: list[list[Entry]]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as they are shown: cleaned, and made distinct again."""
        names: list[str] = []
        for name in map(clean, self.classes):
            candidates = itertools.chain([name], (f"{name} ({i})" for i in itertools.count(2)))
            names.append(next(candidate for candidate in candidates if candidate not in names))
        return tuple(names)

    @property
    def entries(self) -> list[Entry]:
        """Training and then test images, class by class."""
        return [entry for entries in (*self.train, *self.test) for entry in entries]

    @property
    def key(self) -> str:
        prefix = len(str(self.root))
        return cache_key(*(entry[prefix:] for entry in self.entries))


def absolute(source: str) -> Path:
    return Path(os.path.abspath(expanded(source)))


def list_folder(source: str) -> Listing:
    """List the folder and check its layout. Raises `ConstantError`."""
    root = absolute(source)
    with _reading(root):
        if not root.is_dir():
            what = "is not a folder" if root.exists() else "does not exist"
            raise problem(f"{root} {what}; it must be {_ALLOWED}")
    splits = [root / "train", root / "test"]
    missing = [split.name for split in splits if not os.path.isdir(split)]
    if missing:
        raise problem(f"{root} has no {'/ and no '.join(missing)}/; it must hold train/<class>/ and test/<class>/")
    train, test = ({name: _images(f"{split}/{name}") for name in _folders(split)} for split in splits)
    if train.keys() != test.keys():
        differing = [
            f"only in {there}/: {some(sorted(names))}"
            for there, names in (("train", train.keys() - test.keys()), ("test", test.keys() - train.keys()))
            if names
        ]
        raise problem(f"{root} has classes that differ between train/ and test/; {'; '.join(differing)}")
    if len(train) < 2:
        raise problem(
            f"{root} has too few classes: train/ holds {counted(len(train), 'folder')}, and at least 2 are needed"
        )
    empty = [
        f"{there}/{name}" for there, split in (("train", train), ("test", test)) for name in split if not split[name]
    ]
    if empty:
        named = [f"{path} ({_other_files(root / path)})" for path in sorted(empty)]
        raise problem(f"{root} has classes without an image: {some(named)}. Image files end in {', '.join(SUFFIXES)}")
    classes = tuple(sorted(train))
    return Listing(root, classes, [train[name] for name in classes], [test[name] for name in classes])


def list_files(source: str, part: str) -> list[list[str]]:
    """Return the paths below the folder of the images of each class in `part` (`train` or `test`), as they are read.

    Raises `ConstantError` if the folder cannot be read.
    """
    root = absolute(source)
    prefix = len(str(root)) + 1
    return [
        [File.of(entry).path[prefix:] for entry in _images(f"{root}/{part}/{name}")]
        for name in sorted(_folders(root / part))
    ]


def _folders(folder: Path) -> list[str]:
    with _reading(folder), os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


def _images(folder: str) -> list[Entry]:
    """List the images below `folder` in ImageFolder's order: by folder, then by name."""
    found: list[Entry] = []
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        with _reading(current):
            status = os.stat(current)
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                continue  # a link to a folder above would never end
            seen.add(identity)
            with os.scandir(current) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    if entry.is_dir():
                        pending.append(entry.path)
                    elif name.lower().endswith(SUFFIXES):
                        found.append(_entry(current, name, entry))
    return sorted(found)


def _entry(folder: str, name: str, entry: os.DirEntry[str]) -> Entry:
    try:
        status = entry.stat()
    except OSError:
        return "\0".join((folder, name, "0", "-1"))  # a dangling link
    # Not opened if it is no regular file: opening a FIFO would block.
    changed = status.st_mtime_ns if stat.S_ISREG(status.st_mode) else -1
    return "\0".join((folder, name, str(status.st_size), str(changed)))


def _other_files(folder: Path) -> str:
    """Describe the files in a class that has no image: `only .gif and .txt files`, or `empty`."""
    names = [name for _, _, names in os.walk(folder) for name in names if not name.startswith(".")]
    kinds = sorted({os.path.splitext(name)[1].lower() or "nameless" for name in names})
    return f"only {some(kinds)} files" if kinds else "empty"


@contextmanager
def _reading(folder: str | Path) -> Iterator[None]:
    """Turn an `OSError` into the reason beside the field."""
    try:
        yield
    except OSError as error:
        raise problem(f"{folder} cannot be read: {error.strerror or error}") from None


def some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def problem(reason: str) -> ConstantError:
    return ConstantError({"data": reason})
