"""One run as a list of runs tells it."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from engine.errors import RunFolderError
from engine.record.changes import Change, value_at
from engine.record.events import SplitName
from engine.record.record import RunRecord, Status
from engine.storage import changes, lock
from engine.storage.layout import JOURNAL, LOSSES
from engine.storage.tail import read_state

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
    """Every constant by name, as it is now: some can be changed while a run trains. Empty before the start."""
    iterations: int = 0
    """Iterations that are done."""
    planned: int = 0
    """Iterations of the whole run; 0 before the start."""
    left: float | None = None
    """Seconds until the end, if the rest goes as fast as what is done; None if nothing is done yet, or no more."""
    train_seconds: float | None = None
    """Seconds of training; in a live run with evaluations. None if unknown: the process was killed."""
    parameters: int | None = None
    device: str = ""
    """What it computed on."""
    joules: float | None = None
    """The energy that its GPU used; None if that is not known."""
    reason: str = ""
    """Why it failed, or was complete before its last epoch."""
    tags: tuple[str, ...] = ()
    note: str = ""
    pinned: bool = False
    """Whether it is the run that others are compared with."""
    remark: str = ""
    """What is wrong with its tags and its note, if anything."""

    @property
    def live(self) -> bool:
        """Whether a process trains it."""
        return self.status in LIVE

    @property
    def progress(self) -> float | None:
        """Percent of the iterations that are done; None before the start."""
        return 100 * min(1.0, self.iterations / self.planned) if self.planned else None

    @property
    def moment(self) -> float:
        """When it started, in seconds since 1970; 0 if unknown."""
        try:
            return datetime.fromisoformat(self.at).timestamp()
        except (ValueError, OverflowError, OSError):
            return 0.0

    def as_json(self) -> dict[str, Any]:
        """Return the entry as `cifar-tui runs --json` prints it."""
        return {**asdict(self), "path": str(self.path), "progress": self.progress}


def read_entry(folder: Path, now: float) -> tuple[RunEntry, bool]:
    """Return the entry of the run in `folder`, and whether the run has recorded its end.

    The entry has no tags, note or pin. A run that cannot be read is `unreadable`, with the reason. `now` is in seconds
    since 1970.
    """
    try:
        record = read_state(folder)
    except RunFolderError as error:
        return RunEntry(folder.name, folder, "unreadable", _began(folder), problem=error.message), False
    started, closing = record.started, record.closing
    if started is None:
        reason = closing.reason if closing is not None else ""
        return RunEntry(folder.name, folder, record.status, _began(folder), reason=reason), closing is not None
    done = closing.iterations if closing is not None else _losses(folder)
    planned = _planned(folder, record, done)
    done = min(done, planned)
    seconds = closing.train_seconds if closing is not None else None
    if record.status in LIVE:
        seconds = max(0.0, _seconds(folder, record, now) - started.seconds - record.paused_seconds)
    going = record.status in ("training", "evaluating") and done > 0
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
        config=record.constants_now,
        iterations=done,
        planned=planned,
        left=seconds * max(0, planned - done) / done if going and seconds is not None else None,
        train_seconds=seconds,
        parameters=started.parameters,
        device=started.device.name,
        joules=record.joules,
        reason=closing.reason if closing is not None else "",
    ), closing is not None


def _losses(folder: Path) -> int:
    """Return how many losses the run has written: its iterations."""
    try:
        return (folder / LOSSES).stat(follow_symlinks=False).st_size // 4
    except OSError:
        return 0


def _planned(folder: Path, record: RunRecord, done: int) -> int:
    """Return the iterations of the whole run. A change of its epochs may stand in a part of the journal that was not
    read, so it is looked up where a resume finds it."""
    started, found = record.started, tuple[Change, ...]()
    with suppress(RunFolderError):
        found = changes.read(folder)
    if started is None or not found or (record.closing is not None and record.closing.reason):
        return record.planned
    return int(value_at("epochs", started.epochs, found, done)) * started.batches


def _seconds(folder: Path, record: RunRecord, now: float) -> float:
    """Return the time on the clock of a live run's events; while it is paused, that of the last event."""
    seconds = record.reached[0]
    if record.status == "paused":
        return seconds
    try:
        return seconds + max(0.0, now - (folder / JOURNAL).stat(follow_symlinks=False).st_mtime)
    except OSError:
        return seconds


def _began(folder: Path) -> str:
    """Return when a run without a readable start took its folder."""
    who = lock.holder(folder)
    try:
        return datetime.fromtimestamp(who.since).astimezone().isoformat(timespec="seconds") if who else ""
    except (ValueError, OverflowError, OSError):
        return ""
