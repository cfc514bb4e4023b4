"""The runs below a folder: listed, and found by name."""

from __future__ import annotations

import glob
import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Literal

from engine.errors import NoSuchRunError, RunFolderError
from engine.files import expanded
from engine.record.events import SplitName
from engine.record.record import Status
from engine.storage import lock
from engine.storage.layout import DECLINED, JOURNAL
from engine.storage.tail import read_state
from engine.text import clean

LIVE = ("preparing", "training", "evaluating", "paused")
"""The statuses of a run that a process trains."""

UNFINISHED = ("interrupted", "failed", "stopped")
"""The statuses of a run that can be resumed."""


@dataclass(frozen=True)
class RunEntry:
    """One line of the list of runs."""

    name: str
    path: Path
    status: Status | Literal["unreadable"]
    at: str
    """When it started, in ISO 8601; empty if unknown."""
    dataset: str = ""
    model: str = ""
    accuracy: float | None = None
    """Percent of the test or validation images, from the newest evaluation."""
    split: SplitName = "test"
    """Which images the accuracy is of: those of validation in a run that has not got as far as the test images."""
    problem: str = ""
    """Why the run cannot be read; only if it is `unreadable`."""
    fingerprint: str = ""
    """Of its images, as in `DatasetInfo`: two runs with the same one had the same images. Empty before the start."""
    seed: int | None = None
    """None if it is not known."""
    config: Mapping[str, str | int | float | bool] = field(default_factory=dict, hash=False)
    """Every constant by name, as it was given when the run was first started; empty before that."""

    def as_json(self) -> dict[str, Any]:
        """Return the entry as `cifar-tui runs --json` prints it."""
        return {**asdict(self), "path": str(self.path)}


def list_runs(runs_dir: Path) -> tuple[RunEntry, ...]:
    """Return the runs below `runs_dir`, the latest first. One that cannot be read is `unreadable`, with the reason."""
    return tuple(sorted(map(_entry, _folders(runs_dir)), key=_moment, reverse=True))


def _folders(runs_dir: Path) -> Iterator[Path]:
    try:
        folders = list(expanded(runs_dir).iterdir())
    except OSError:
        return
    for folder in folders:
        if not folder.name.startswith(".") and _holds_a_run(folder):
            yield folder


def _holds_a_run(folder: Path) -> bool:
    try:
        os.lstat(folder / JOURNAL)
    except (FileNotFoundError, NotADirectoryError):
        return False
    except OSError:
        return True  # reading it gives the reason
    return True


def _entry(folder: Path) -> RunEntry:
    try:
        record = read_state(folder)
    except RunFolderError as error:
        return RunEntry(folder.name, folder, "unreadable", _began(folder), problem=error.message)
    started = record.started
    if started is None:
        return RunEntry(folder.name, folder, record.status, _began(folder))
    return RunEntry(
        name=folder.name,
        path=folder,
        status=record.status,
        at=started.at,
        dataset=started.dataset.name,
        model=str(started.config.get("model", "")),
        accuracy=record.accuracy,
        split=record.evaluations[-1].split if record.evaluations else "test",
        fingerprint=started.dataset.fingerprint,
        seed=seed if isinstance(seed := started.config.get("seed"), int) else None,
        config=started.config,
    )


def _began(folder: Path) -> str:
    """Return when a run without a readable start took its folder."""
    who = lock.holder(folder)
    try:
        return datetime.fromtimestamp(who.since).astimezone().isoformat(timespec="seconds") if who else ""
    except (ValueError, OverflowError, OSError):
        return ""


def _moment(entry: RunEntry) -> float:
    try:
        return datetime.fromisoformat(entry.at).timestamp()
    except (ValueError, OverflowError, OSError):
        return 0.0


def waiting(runs_dir: Path) -> RunEntry | None:
    """Return the run that a user who starts the app most likely wants, or None.

    That is the latest live run, or else the latest of all if it was interrupted and not declined.
    """
    runs = list_runs(runs_dir)
    live = next((entry for entry in runs if entry.status in LIVE), None)
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
        if _holds_a_run(folder):
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
            folders = [*_folders(runs_dir)] if glob.has_magic(word) else []
            fitting = sorted(folder for folder in folders if fnmatchcase(folder.name, word))
            if not fitting:
                raise
            found += fitting
    if len(found) < 2:
        raise NoSuchRunError("Two runs or more can be compared. Name them; cifar-tui runs lists them.")
    return found
