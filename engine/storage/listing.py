"""The runs below a folder: listed, and found by name."""

from __future__ import annotations

import glob
import os
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Literal

from engine.errors import NoSuchRunError, RunFolderError
from engine.files import expanded
from engine.storage import index, lock, marks
from engine.storage.entry import LIVE, UNFINISHED, RunEntry, read_entry
from engine.storage.index import Journal, Known
from engine.storage.layout import DECLINED, JOURNAL, MARKS
from engine.text import clean


class Listing:
    """Lists the runs below a folder again and again. Reads again only what has changed. Not thread-safe."""

    def __init__(self, runs_dir: Path) -> None:
        self._runs_dir = expanded(runs_dir)
        self._known: dict[str, Known] | None = None
        """By name, the runs that no process trained when they were read."""
        self._marks: dict[str, tuple[tuple[int, int], marks.Marks, str]] = {}
        """By name, the time and size of the file with the marks, its content, and what is wrong with it."""

    def look(self) -> tuple[RunEntry, ...]:
        """Return the runs, the latest first. One that cannot be read is `unreadable`, with the reason."""
        before = index.load(self._runs_dir) if self._known is None else self._known
        self._known = {}
        now_ns = time.time_ns()
        entries = [self._entry(folder, before.get(folder.name), now_ns) for folder in _folders(self._runs_dir)]
        if self._known != before:
            index.store(self._runs_dir, self._known)
        pinned = marks.newest_pinned(entry.path for entry in entries)
        entries = [replace(entry, pinned=True) if entry.path == pinned else entry for entry in entries]
        return tuple(sorted(entries, key=lambda entry: entry.moment, reverse=True))

    def _entry(self, folder: Path, known: Known | None, now_ns: int) -> RunEntry:
        assert self._known is not None
        journal = _journal(folder)
        if known is None or journal != known.journal or not (known.closed or not lock.is_live(folder)):
            entry, closed = read_entry(folder, now_ns / 1e9)
            known = Known(journal or Journal(0, 0, 0), closed, entry)
        if known.journal.is_settled(now_ns) and not known.entry.live and known.entry.status != "unreadable":
            self._known[folder.name] = known
        return self._marked(replace(known.entry, name=folder.name, path=folder))

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
    return Listing(runs_dir).look()


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
