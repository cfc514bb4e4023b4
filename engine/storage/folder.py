"""A run on disk: one folder that its process alone writes and anybody may read.

config.json     the constants as validated, plus versions, device, dataset
events.jsonl    the journal: one event a line
losses.f32      one little-endian float32 an iteration
checkpoints/    the newest two, and the final one
lock            held (flock) by the process that trains; says who and where
requests        what other processes ask of the one that trains
summary.json loss.csv report.md loss.svg    written when the run ends
"""

from __future__ import annotations

import errno
import json
import math
import os
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import IO, Any, Literal, Self

import numpy as np
from numpy.typing import NDArray

from engine.config import DATA_SOURCES, TrainingConfig
from engine.errors import ConstantError, NoSuchRunError, RunFolderError
from engine.files import read_bounded
from engine.record.events import DataProgress, Event, RunStarted, to_json
from engine.record.record import RunRecord, Status
from engine.storage import lock as locks
from engine.storage.durable import GrowingFile, replace_synced, sync_folder, write_synced
from engine.storage.tail import JOURNAL, LOSSES, Tail

CONFIG, CHECKPOINTS = "config.json", "checkpoints"

_LOSSES_EVERY = 0.25
"""Seconds between two writes of the losses: often enough for somebody who watches, and no cost to the training."""

_PROGRESS_EVERY = 1.0
"""Seconds between two lines of the journal about the images that are being made ready."""

_LARGEST_CONFIG = 1 << 20
"""Bytes."""

_ADJECTIVES = (
    "amber brisk calm clear deft eager fair fleet glad keen lucid mellow nimble plain quiet rapid sharp steady"
)
_BIRDS = (
    "avocet bunting crane curlew dunlin egret finch godwit heron ibis jay kestrel lark merlin osprey plover robin tern"
)


def new_name(runs_dir: Path) -> str:
    """A name for a run that none here has yet, such as `brisk-heron`."""
    adjectives, birds = _ADJECTIVES.split(), _BIRDS.split()
    for _ in range(100):
        name = f"{secrets.choice(adjectives)}-{secrets.choice(birds)}"
        if not (runs_dir / name).exists():
            return name
    return f"{name}-{secrets.token_hex(4)}"


def check_new(config: TrainingConfig) -> None:
    """Raise `ConstantError` where a run of this config could not have its folder, and `RunFolderError` where a process
    trains a run of this name. Writes nothing."""
    if config.name and os.path.lexists(config.runs_dir / config.name):
        if locks.is_live(config.runs_dir / config.name):
            raise RunFolderError(locks.held(config.runs_dir / config.name))
        raise ConstantError(
            {"name": f"{config.runs_dir / config.name} exists already; choose another name, or none to be given one"}
        )
    existing = next(path for path in (config.runs_dir, *config.runs_dir.absolute().parents) if os.path.lexists(path))
    if not existing.is_dir():
        raise ConstantError({"runs_dir": f"{existing} is not a folder; choose a folder for the runs"})
    if not os.access(existing, os.W_OK | os.X_OK):
        raise ConstantError({"runs_dir": f"{existing} cannot be written to; choose another folder for the runs"})


class RunFolder:
    """The folder of a run that this process trains. The run's thread alone writes through it.

    Every method that writes may raise `OSError`; `engine.runs.local` decides what that means for the training. What
    the disk did not take is written with the next write that succeeds.
    """

    def __init__(self, path: Path, lock: IO[bytes]) -> None:
        """`lock` is held by this process; `create` and `take_up` take it."""
        self.path = path
        self._lock = lock
        self._journal = GrowingFile(path / JOURNAL)
        self._losses = GrowingFile(path / LOSSES)
        self._told_progress = -math.inf
        self._written_at = time.monotonic()

    @classmethod
    def create(cls, path: Path, config: TrainingConfig) -> Self:
        """Make the folder of a new run, whole or not at all. Raises `ConstantError` and `RunFolderError`."""
        making = path.with_name(f".{path.name}.{os.getpid()}")
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            lock = locks.take(making)
            try:
                write_synced(making / CONFIG, _config_json(config))
                folder = cls(making, lock)
                if os.path.lexists(path):  # rename would put it in the place of an empty folder
                    raise FileExistsError
                making.rename(path)
                folder.path = path
                with suppress(OSError):  # it is there; the next checkpoint waits for the disk again
                    sync_folder(path.parent)
                return folder
            except BaseException:
                lock.close()
                raise
        except OSError as error:
            shutil.rmtree(making, ignore_errors=True)
            if error.errno in (errno.EEXIST, errno.ENOTEMPTY, errno.ENOTDIR) or isinstance(error, FileExistsError):
                raise ConstantError({"name": f"{path} exists already; choose another name"}) from None
            raise ConstantError(
                {"runs_dir": f"{path} cannot be made: {error.strerror}; choose another folder"}
            ) from None

    @classmethod
    def take_up(cls, path: Path) -> Self:
        """Hold the folder of a run that nobody trains any more. Raises `RunFolderError`; changes nothing else."""
        try:
            lock = locks.take(path)
        except OSError as error:
            raise RunFolderError(f"{path} cannot be trained in: {error.strerror}.") from None
        try:
            return cls(path, lock)
        except OSError as error:
            lock.close()
            raise RunFolderError(f"{path} cannot be written to: {error.strerror}.") from None

    def cut(self, journal_bytes: int, iterations: int) -> None:
        """Go back to when the journal was so long and so many iterations were done."""
        self._journal.cut(journal_bytes)
        self._losses.cut(4 * iterations)

    def holds(self, journal_bytes: int, iterations: int) -> bool:
        """Whether `cut` can go back so far: what was told until then is still here."""
        return self._journal.length >= journal_bytes and self._losses.length >= 4 * iterations

    def event(self, event: Event) -> None:
        """Add `event` to the journal, after the losses that came before it."""
        if isinstance(event, DataProgress):
            if event.done != event.total and event.seconds - self._told_progress < _PROGRESS_EVERY:
                return
            self._told_progress = event.seconds
        self._journal.add(to_json(event) + b"\n")
        self._write()
        if isinstance(event, RunStarted):
            content = json.loads(to_json(event))
            kept = {
                key: content[key] for key in ("name", "at", "config", "dataset", "device", "versions", "parameters")
            }
            replace_synced(self.path / CONFIG, _json({"schema_version": 1, **kept, **_directory()}))

    def losses(self, values: NDArray[np.float32]) -> None:
        """Take the losses of the next iterations, shape (n,); they reach the disk a moment later."""
        self._losses.add(values.astype("<f4", copy=False).tobytes())
        if time.monotonic() - self._written_at >= _LOSSES_EVERY:
            self._write()

    def _write(self) -> None:
        self._written_at = time.monotonic()
        self._losses.write()
        self._journal.write()

    def sync(self) -> int:
        """Wait until the disk has all that was told so far; how many bytes of journal that is."""
        self._losses.sync()
        self._journal.sync()
        return self._journal.length

    def close(self) -> None:
        """Let go of the files and the lock; what still waits gets a last chance."""
        try:
            self._write()
        finally:
            self._journal.close()
            self._losses.close()
            self._lock.close()

    def discard(self) -> None:
        """Remove the folder of a run that never began, and the folder of runs where this was to be the first."""
        shutil.rmtree(self.path, ignore_errors=True)
        with suppress(OSError):
            self.path.parent.rmdir()
        with suppress(OSError):
            self.close()


def _config_json(config: TrainingConfig) -> bytes:
    return _json({"schema_version": 1, "name": config.name, "config": config.as_json(), **_directory()})


def _directory() -> dict[str, str]:
    """Where the run was started: what its constants name without a leading slash is there."""
    return {"directory": str(Path.cwd())}


def _json(content: object) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False).encode(errors="backslashreplace") + b"\n"


def read_config(path: Path) -> tuple[TrainingConfig, dict[str, Any]]:
    """The constants of the run in `path` as its next process needs them, and as they were recorded.

    The first name this very folder, wherever it is now, and their other paths from where the run was started. Raises
    `RunFolderError`.
    """
    try:
        content = json.loads(read_bounded(path / CONFIG, _LARGEST_CONFIG))
        config = TrainingConfig.checked(content["config"])
        directory = Path(str(content["directory"]))
    except (OSError, ValueError, KeyError, TypeError, RecursionError, ConstantError) as error:
        reason = error.message if isinstance(error, ConstantError) else getattr(error, "strerror", None) or "damaged"
        raise RunFolderError(f"{path / CONFIG} does not tell the constants of the run: {reason}.") from None
    places: dict[str, object] = {"data_dir": directory / config.data_dir.expanduser()}
    if config.data not in DATA_SOURCES:
        places["data"] = str(directory / Path(config.data).expanduser())
    here = {"name": path.absolute().name, "runs_dir": path.absolute().parent}
    return config.replaced(**places, **here), dict(content["config"])


def read(path: Path, *, losses: bool = True) -> RunRecord:
    """The record of the run in `path`, as far as it is on disk. Raises `RunFolderError` where it is none or damaged."""
    with Tail(path) as tail:
        tail.catch_up(losses=losses)
        return tail.record()


@dataclass(frozen=True)
class RunEntry:
    """One line of the list of runs."""

    name: str
    path: Path
    status: Status
    at: str
    """When it started, in ISO 8601; empty where it never told."""
    dataset: str
    model: str
    accuracy: float | None
    """Percent of the test images, from the newest evaluation."""

    def as_json(self) -> dict[str, str | float | None]:
        """The entry as `cifar-tui runs --json` prints it."""
        return {**asdict(self), "path": str(self.path)}


def list_runs(runs_dir: Path) -> tuple[RunEntry, ...]:
    """The runs below `runs_dir`, the latest first; what is no run is passed over."""
    return tuple(sorted(_entries(runs_dir), key=lambda entry: entry.at, reverse=True))


def _entries(runs_dir: Path) -> Iterator[RunEntry]:
    try:
        folders = [f for f in runs_dir.iterdir() if not f.name.startswith(".") and (f / JOURNAL).is_file()]
    except OSError:
        return
    for folder in folders:
        try:
            record = read(folder, losses=False)
        except RunFolderError:
            continue
        started, evaluation = record.started, record.evaluation
        yield RunEntry(
            name=folder.name,
            path=folder,
            status=record.status,
            at=started.at if started else _began(folder),
            dataset=started.dataset.name if started else "",
            model=str(started.config.get("model", "")) if started else "",
            accuracy=evaluation.accuracy if evaluation else None,
        )


def waiting(runs_dir: Path) -> RunEntry | None:
    """The run that somebody who comes back most likely wants: the latest that is live, or else the latest of all where
    it was interrupted."""
    runs = list_runs(runs_dir)
    live = next((entry for entry in runs if entry.status in LIVE), None)
    return live or next((entry for entry in runs[:1] if entry.status == "interrupted"), None)


def _began(folder: Path) -> str:
    """When a run that is still preparing its images, or never got further, took its folder."""
    who = locks.holder(folder)
    try:
        return datetime.fromtimestamp(who.since).astimezone().isoformat(timespec="seconds") if who else ""
    except (ValueError, OverflowError, OSError):
        return ""


LIVE = ("preparing", "training", "evaluating", "paused")
"""What a run can be while a process trains it."""

UNFINISHED = ("interrupted", "failed", "stopped")
"""What a run can be that may be taken up again."""


def find(runs_dir: Path, run: str | None, only: Literal["live", "unfinished"] | None = None) -> Path:
    """The folder that RUN means: a folder, a name below `runs_dir`, or the latest run, of `only` those. Raises
    `NoSuchRunError`."""
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
    for folder in (Path(run), runs_dir / run):
        if (folder / JOURNAL).is_file():
            return folder
    names = ", ".join(entry.name for entry in list_runs(runs_dir)[:5])
    raise NoSuchRunError(
        f"There is no run {run} in {runs_dir}. " + (f"There are: {names}." if names else "It is empty.")
    )
