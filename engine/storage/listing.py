"""The runs below a folder: listed, and found by name."""

from __future__ import annotations

import glob
import math
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal, NamedTuple

from engine.errors import NoSuchRunError, RunFolderError
from engine.files import expanded
from engine.storage import index, lock, marks
from engine.storage.entry import LIVE, UNFINISHED, RunEntry, read_entry
from engine.storage.index import Journal, Known
from engine.storage.layout import DECLINED, JOURNAL, MARKS, SWEEP, is_sweep
from engine.text import clean


class Looked(NamedTuple):
    """What a look at the runs found."""

    entries: Sequence[RunEntry]
    """The latest first."""
    unread: int = 0
    """Runs that are there as well, and were not read yet."""


class Listing:
    """Lists the runs below a folder again and again. Reads again only what has changed. Not thread-safe."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = expanded(runs_dir)
        self._known: dict[str, Known] | None = None
        """By name, the runs that no process trained when they were read."""
        self._entries: dict[str, RunEntry] = {}
        """What the look before found, by name."""
        self._marks: dict[str, tuple[tuple[int, int], marks.Marks, str]] = {}
        """By name, the time and size of the file with the marks, its content, and what is wrong with it."""

    def look(self, at_most: float = math.inf) -> Looked:
        """Look at the runs for about so many seconds at most.

        Runs that there was no time for are as they were at the look before; those that were never read are counted, and
        the next look begins with them. One that cannot be read is `unreadable`, with the reason.
        """
        before = index.load(self._runs_dir) if self._known is None else self._known
        self._known = {}
        now_ns, until = time.time_ns(), time.monotonic() + at_most
        entries: dict[str, RunEntry] = {}
        folders = [(folder, _journal(folder)) for folder in _folders(self._runs_dir)]
        folders.sort(key=self._turn, reverse=True)
        for folder, journal in folders:
            entry = self._entry(folder, journal, before.get(folder.name), now_ns, in_time=time.monotonic() < until)
            if entry is not None:
                entries[folder.name] = entry
        if self._known != before:
            index.store(self._runs_dir, self._known)
        self._entries = entries
        pinned = marks.newest_pinned(entry.path for entry in entries.values())
        found = [replace(entry, pinned=True) if entry.path == pinned else entry for entry in entries.values()]
        return Looked(
            tuple(sorted(found, key=lambda entry: entry.moment, reverse=True)), unread=len(folders) - len(entries)
        )

    def _turn(self, found: tuple[Path, Journal | None]) -> tuple[bool, int]:
        """Return what runs are read by, the largest first: those that never were, then the newest."""
        folder, journal = found
        return folder.name not in self._entries, journal.modified_ns if journal else 0

    def _entry(
        self, folder: Path, journal: Journal | None, known: Known | None, now_ns: int, *, in_time: bool
    ) -> RunEntry | None:
        """Return the entry of a run. If there is no time to read it, return what it was, and None if it never was."""
        assert self._known is not None
        if known is None or journal != known.journal or not (known.closed or not lock.is_live(folder)):
            if not in_time:
                return self._entries.get(folder.name)
            entry, closed = read_entry(folder, now_ns / 1e9)
            known = Known(journal or Journal(0, 0, 0), closed, entry)
        if known.journal.is_settled(now_ns) and not known.entry.live and known.entry.status != "unreadable":
            self._known[folder.name] = known
        is_here = known.entry.path == folder  # its index may have been copied, or the folder of runs renamed
        return self._marked(known.entry if is_here else replace(known.entry, path=folder))

    def _marked(self, entry: RunEntry) -> RunEntry:
        """Return the entry with its tags and its note."""
        try:
            found = os.lstat(entry.path / MARKS)
        except OSError:
            self._marks.pop(entry.name, None)
            return entry
        at = found.st_mtime_ns, found.st_size
        known = self._marks.get(entry.name)
        if known is None or known[0] != at:
            try:
                known = at, marks.read(entry.path), ""
            except RunFolderError as error:
                known = at, marks.Marks(), error.message
            self._marks[entry.name] = known
        return replace(entry, tags=known[1].tags, note=known[1].note, remark=known[2])


def list_runs(runs_dir: Path) -> tuple[RunEntry, ...]:
    """Return the runs below `runs_dir`, the latest first. One that cannot be read is `unreadable`, with the reason."""
    return tuple(Listing(runs_dir).look().entries)


def _folders(runs_dir: Path) -> Iterator[Path]:
    try:
        folders = list(runs_dir.iterdir())
    except OSError:
        return
    for folder in folders:
        if not folder.name.startswith(".") and holds_a_run(folder):
            yield folder


def holds_a_run(folder: Path) -> bool:
    """Return whether `folder` is the folder of a run, readable or not."""
    try:
        os.lstat(folder / JOURNAL)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading it gives the reason
    return True


def _journal(folder: Path) -> Journal | None:
    try:
        return Journal.of(os.lstat(folder / JOURNAL))
    except OSError:
        return None


def waiting(runs_dir: Path) -> RunEntry | None:
    """Return the run that a user who starts the app most likely wants, or None.

    That is the latest live run, or else the latest of all if it was interrupted and not declined.
    """
    runs = list_runs(runs_dir)
    live = next((entry for entry in runs if entry.live), None)
    return live or next((e for e in runs[:1] if e.status == "interrupted" and not _is_declined(e.path)), None)


def sweeps(runs_dir: Path) -> list[Path]:
    """Return the folders of the sweeps below `runs_dir`, the latest first."""
    try:
        found = [path for path in expanded(runs_dir).iterdir() if not path.name.startswith(".") and is_sweep(path)]
    except OSError:
        return []
    return sorted(found, key=lambda path: (path / SWEEP).stat().st_mtime, reverse=True)


def decline(folder: Path) -> None:
    """Do not offer the run in `folder` at the start again, unless it is resumed and interrupted once more."""
    (folder / DECLINED).touch()


def _is_declined(folder: Path) -> bool:
    try:
        return (folder / DECLINED).stat().st_mtime_ns >= (folder / JOURNAL).stat().st_mtime_ns
    except OSError:
        return False


def find(runs_dir: Path, run: str | None, only: Literal["live", "unfinished"] | None = None) -> Path:
    """Return the folder of RUN: a folder, a name below `runs_dir`, or None for the latest run, of `only` those.

    Raises `NoSuchRunError`.
    """
    if run is None:
        runs = list_runs(runs_dir)
        if not runs:
            raise NoSuchRunError(
                f"There is no run in {runs_dir} yet. cifar-tui train starts one; --runs-dir looks elsewhere."
            )
        statuses = {"live": LIVE, "unfinished": UNFINISHED}.get(only or "")
        fitting = [entry for entry in runs if statuses is None or entry.status in statuses]
        if not fitting:
            raise NoSuchRunError(f"No run in {runs_dir} is {only}. cifar-tui runs lists them.")
        return fitting[0].path
    for folder in (expanded(run), expanded(runs_dir) / run):
        if holds_a_run(folder):
            return folder
    names = ", ".join(clean(entry.name) for entry in list_runs(runs_dir)[:5])
    raise NoSuchRunError(
        f"There is no run {run} in {runs_dir}. " + (f"There are: {names}." if names else "It is empty.")
    )


def find_all(runs_dir: Path, words: Sequence[str]) -> list[Path]:
    """Return the folders of runs, of each word in turn: as in `find`, or the names that fit a pattern such as `a-*`.

    Raises `NoSuchRunError` if a word names none, or if they are fewer than two.
    """
    found: list[Path] = []
    for word in words:
        try:
            found.append(find(runs_dir, word))
        except NoSuchRunError:
            folders = [*_folders(expanded(runs_dir))] if glob.has_magic(word) else []
            fitting = sorted(folder for folder in folders if fnmatchcase(folder.name, word))
            if not fitting:
                raise
            found += fitting
    if len(found) < 2:
        raise NoSuchRunError("Two runs or more can be compared. Name them; cifar-tui runs lists them.")
    return found
