"""Runs are renamed, thrown away and restored. Each is one rename on the same disk: nothing is copied.

The folder's name is the run's name. The journal keeps the one that the run had at first.
"""

from __future__ import annotations

import errno
import os
import re
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from engine.config import TrainingConfig
from engine.errors import ConstantError, NoSuchRunError, RunFolderError
from engine.files import expanded
from engine.storage import lock
from engine.storage.durable import sync_folder
from engine.storage.layout import TRASH
from engine.storage.whole import remove
from engine.text import clean

_WHEN = "%Y%m%d-%H%M%S"
_THROWN_AWAY = re.compile(r"(?P<name>.+)-(?P<when>\d{8}-\d{6})(-\d+)?")
"""The name of a folder in the trash."""


@dataclass(frozen=True)
class ThrownAway:
    """A run in the trash."""

    name: str
    """What it was called."""
    at: str
    """When it was thrown away: local time in ISO 8601."""
    path: Path
    bytes: int
    """What it takes on the disk."""


def rename(folder: Path, name: str) -> Path:
    """Give the run in `folder` another name. Return its folder of that name.

    Raises `ConstantError` if the name is not allowed or taken, `RunFolderError` if a process trains the run.
    """
    folder = _named(folder)
    if not name:
        raise ConstantError({"name": "it is empty; give the run a name"})
    TrainingConfig.checked({"name": name})
    if name == folder.name:
        return folder
    to = folder.with_name(name)
    if os.path.lexists(to) and not _is_same(folder, to):  # rename would replace an empty folder
        raise ConstantError({"name": f"{to} exists already; choose another name"})
    _move(folder, to, "renamed")
    return to


def throw_away(folder: Path) -> Path:
    """Move the run in `folder` to the trash beside it. Return where it is then.

    Raises `RunFolderError` if a process trains the run, if it is a link, or if the trash is on another disk.
    """
    folder = _named(folder)
    trash = folder.parent / TRASH
    if folder.is_symlink():
        raise RunFolderError(
            f"{folder} is a link to {os.readlink(folder)}: it is not thrown away. Remove the link, or that folder,"
            " by hand."
        )
    try:
        trash.mkdir(exist_ok=True)
        if trash.is_symlink():
            raise NotADirectoryError(errno.ENOTDIR, "a link")
    except OSError as error:
        raise RunFolderError(f"{trash} is no folder for the trash: {error.strerror}. Remove it.") from None
    first = f"{folder.name}-{time.strftime(_WHEN)}"
    to = _free(trash / first)
    _move(folder, to, "thrown away")
    return to


def restore(thrown_away: ThrownAway) -> Path:
    """Move a run out of the trash. Return its folder: of its former name, or if that is taken with `-2` behind it.

    Raises `RunFolderError`.
    """
    to = _free(thrown_away.path.parent.parent / thrown_away.name)
    _move(thrown_away.path, to, "restored")
    return to


def trash(runs_dir: Path) -> tuple[ThrownAway, ...]:
    """Return what is in the trash of `runs_dir`, what was thrown away last first."""
    found, place = [], expanded(runs_dir) / TRASH
    with suppress(OSError):
        for path in () if place.is_symlink() else place.iterdir():
            parts = _THROWN_AWAY.fullmatch(path.name)
            name, at = (parts["name"], _moment(parts["when"])) if parts else (path.name, "")
            found.append(ThrownAway(name, at, path, _bytes(path)))
    return tuple(sorted(found, key=lambda each: (each.at, each.path.name), reverse=True))


def find_in_trash(runs_dir: Path, name: str) -> ThrownAway:
    """Return the run of this name that was thrown away last. The name of its folder in the trash finds it, too.

    Raises `NoSuchRunError`.
    """
    thrown_away = trash(runs_dir)
    for each in thrown_away:
        if name in (each.name, each.path.name):
            return each
    names = ", ".join(dict.fromkeys(clean(each.name) for each in thrown_away[:5]))
    raise NoSuchRunError(
        f"There is no run {name} in the trash of {runs_dir}. " + (f"There are: {names}." if names else "It is empty.")
    )


def delete(thrown_away: ThrownAway) -> None:
    """Delete a run in the trash. It cannot be restored then. Raises `RunFolderError`."""
    path = thrown_away.path
    try:
        if path.is_dir() and not path.is_symlink():
            with lock.untrained(path):
                remove(path)
        else:
            remove(path)
    except OSError as error:
        raise RunFolderError(f"{path} cannot be deleted: {error.strerror}.") from None


def _move(folder: Path, to: Path, what: str) -> None:
    try:
        with lock.untrained(folder):
            folder.rename(to)
    except OSError as error:
        if error.errno in (errno.EXDEV, errno.EBUSY):
            raise RunFolderError(
                f"{folder} cannot be {what}: it is on another disk than {to.parent}, and nothing is copied. Move or"
                " delete it by hand."
            ) from None
        raise RunFolderError(f"{folder} cannot be {what}: {error.strerror}.") from None
    for changed in {folder.parent, to.parent}:
        with suppress(OSError):  # it is done; only a crash right now could undo it
            sync_folder(changed)


def _named(folder: Path) -> Path:
    """Return `folder` with its name at the end: it may have been given as `.` or `..`."""
    return folder if folder.name not in ("", "..") else folder.resolve()


def _is_same(one: Path, other: Path) -> bool:
    """Return whether both are the same folder: on a disk that does not tell capitals from small letters."""
    try:
        return os.path.samestat(os.lstat(one), os.lstat(other))
    except OSError:
        return False


def _free(path: Path) -> Path:
    """Return `path`, or if something is there with the first number behind it that is free, from 2."""
    free, number = path, 2
    while os.path.lexists(free):
        free, number = path.with_name(f"{path.name}-{number}"), number + 1
    return free


def _moment(when: str) -> str:
    try:
        return datetime.strptime(when, _WHEN).isoformat()
    except ValueError:
        return ""


def _bytes(path: Path) -> int:
    """Return how much the files below `path` take, as far as they can be seen."""
    total = 0
    for parent, _, names in os.walk(path):
        for name in names:
            with suppress(OSError):
                total += os.lstat(os.path.join(parent, name)).st_size
    return total
