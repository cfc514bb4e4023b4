"""The pictures that a person names: files, folders, patterns, names on stdin. Found while they are read, in order."""

from __future__ import annotations

import glob
import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from engine.data.imageset import SUFFIXES
from engine.errors import DataError
from engine.files import expanded
from engine.text import clean

_SUFFIXES = (*SUFFIXES, ".gif")
"""Files of a folder that are taken for pictures. A file that is named is opened whatever its name ends in."""

STDIN = "-"

MOST_BESIDE = 10_000
"""Pictures of a folder among which a person goes back and forth."""


@dataclass(frozen=True)
class Named:
    """A file that was named, or found in a folder."""

    path: str
    label: int | None = None
    """The index of its class, if the subfolder that it was found in is called like one."""
    problem: str = ""
    """Why nothing can be read here."""


def pictures_named(words: Iterable[str], classes: Sequence[str], stdin: Iterable[str] = ()) -> Iterator[Named]:
    """Yield the pictures that `words` name, one after the other.

    A word is a file, a folder with everything below it, a pattern such as `*.png` or `**/*.jpg`, or `-`: then each
    line of `stdin` is a file or a folder. `classes` are the cleaned names of the network's classes. Hidden files are
    left out. What cannot be read or holds no picture comes with a problem.
    """
    for word in words:
        if word == STDIN:
            for line in stdin:
                if name := line.rstrip("\r\n"):
                    yield from _below(name, classes)
        else:
            yield from _of_word(word, classes)


def beside(text: str) -> tuple[tuple[str, ...], int]:
    """Return the pictures among which a person goes back and forth, and the place of the first one.

    If `text` is a folder they are those below it, at most `MOST_BESIDE`; if it is a picture, those in its folder.
    Raises `DataError` if there is none.
    """
    path = str(expanded(text))
    if os.path.isdir(path):
        found = list(islice((one.path for one in pictures_named([path], ()) if not one.problem), MOST_BESIDE))
        if not found:
            raise DataError(f"{path} holds no picture.")
        return tuple(found), 0
    (one,) = _below(path, ())
    if one.problem:
        raise DataError(f"{path}: {one.problem}.")
    folder = os.path.dirname(path)
    try:
        names = sorted(name for name in os.listdir(folder or ".") if not name.startswith("."))
    except OSError:
        names = []
    found = [os.path.join(folder, name) for name in names if is_picture(name)][:MOST_BESIDE]
    return (tuple(found), found.index(path)) if path in found else ((path,), 0)


def is_picture(name: str) -> bool:
    """Return whether a file of that name is taken for a picture where it lies in a folder."""
    return name.lower().endswith(_SUFFIXES)


def _of_word(word: str, classes: Sequence[str]) -> Iterator[Named]:
    path = str(expanded(word)) if word.startswith("~") else word
    if "\0" in path or os.path.lexists(path) or not glob.has_magic(path):
        yield from _below(path, classes)
    elif found := sorted(glob.glob(path, recursive=True)):
        for match in found:
            yield from _below(match, classes)
    else:
        yield Named(word, problem="no file or folder has such a name")


def _below(path: str, classes: Sequence[str]) -> Iterator[Named]:
    """Yield the picture `path`, or those in that folder."""
    try:
        kind = os.stat(path).st_mode
    except (OSError, ValueError) as error:
        yield Named(path, problem=_reason(error))
        return
    if stat.S_ISDIR(kind):
        nothing = True
        for found in _in_folder(path, classes, None, ()):
            nothing = False
            yield found
        if nothing:
            kinds = ", ".join(suffix.removeprefix(".") for suffix in _SUFFIXES)
            yield Named(path, problem=f"this folder holds no picture ({kinds})")
    elif stat.S_ISREG(kind):
        yield Named(path)
    else:
        yield Named(path, problem="not a file")  # opening a FIFO would wait for its other end


def _in_folder(
    folder: str, classes: Sequence[str], label: int | None, above: tuple[tuple[int, int], ...]
) -> Iterator[Named]:
    """Yield what is in a folder: its files by name, then those of each subfolder.

    `above` are the folders that it is in: a link to one of them would never end. `label` is that of its files.
    """
    try:
        status = os.stat(folder)
        identity = (status.st_dev, status.st_ino)
        if identity in above:
            return
        with os.scandir(folder) as entries:
            visible = sorted((e for e in entries if not e.name.startswith(".")), key=lambda entry: entry.name)
    except OSError as error:
        yield Named(folder, problem=_reason(error))
        return
    folders = []
    for entry in visible:
        if entry.is_dir():
            folders.append(entry)
        elif is_picture(entry.name):
            yield Named(entry.path.removeprefix("./"), label, "" if entry.is_file() else "not a file")
    for entry in folders:
        name = clean(entry.name)
        its = classes.index(name) if not above and name in classes else label
        yield from _in_folder(entry.path, classes, its, (*above, identity))


def _reason(error: OSError | ValueError) -> str:
    if isinstance(error, FileNotFoundError):
        return "there is no such file or folder"
    return getattr(error, "strerror", None) or "no name of a file"
