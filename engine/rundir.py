"""A run on disk: one folder that its process alone writes and anybody may read.

config.json     the constants as validated, plus versions, device, dataset
events.jsonl    the journal: one event a line
losses.f32      one little-endian float32 an iteration
checkpoints/    the newest two
lock            held (flock) by the process that trains; says who and where
summary.json loss.csv report.md loss.svg    written when the run ends
"""

from __future__ import annotations

import fcntl
import json
import os
import secrets
import socket
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import IO

import numpy as np
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.errors import ConstantError, NoSuchRunError, RunFolderError
from engine.events import Event, RunStarted, from_json, to_json
from engine.record import RunLog, RunRecord, Status

JOURNAL, LOSSES, LOCK, CONFIG, CHECKPOINTS = "events.jsonl", "losses.f32", "lock", "config.json", "checkpoints"

_LOSSES_EVERY = 0.25
"""Seconds between two writes of the losses: often enough for somebody who watches, and no cost to the training."""

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
    """Raise `ConstantError` where a run of this config could not have its folder. Writes nothing."""
    if config.name and os.path.lexists(config.runs_dir / config.name):
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

    Every method that writes may raise `OSError`; `engine.run` decides what that means for the training.
    """

    def __init__(self, path: Path) -> None:
        """Create the folder and lock it. Raises `ConstantError` where it exists or cannot be made."""
        self.path = path
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.mkdir()
        except FileExistsError:
            raise ConstantError({"name": f"{path} exists already; choose another name"}) from None
        except OSError as error:
            raise ConstantError(
                {"runs_dir": f"{path} cannot be made: {error.strerror}; choose another folder"}
            ) from None
        self._lock = _locked(path)
        self._journal = (path / JOURNAL).open("ab", buffering=0)
        self._losses = (path / LOSSES).open("ab", buffering=0)
        self._unwritten: list[bytes] = []
        self._written_at = time.monotonic()

    def event(self, event: Event) -> None:
        """Add `event` to the journal, after the losses that came before it."""
        if not event.kept:
            return
        if isinstance(event, RunStarted):
            self._write_config(event)
        self._write_losses()
        self._journal.write(to_json(event) + b"\n")

    def losses(self, values: NDArray[np.float32]) -> None:
        """Take the losses of the next iterations, shape (n,); they reach the disk a moment later."""
        self._unwritten.append(values.astype("<f4", copy=False).tobytes())
        if time.monotonic() - self._written_at >= _LOSSES_EVERY:
            self._write_losses()

    def _write_losses(self) -> None:
        if self._unwritten:
            waiting, self._unwritten = b"".join(self._unwritten), []
            self._losses.write(waiting)
        self._written_at = time.monotonic()

    def _write_config(self, started: RunStarted) -> None:
        content = json.loads(to_json(started))
        kept = {key: content[key] for key in ("name", "at", "config", "dataset", "device", "versions", "parameters")}
        (self.path / CONFIG).write_text(json.dumps({"schema_version": 1, **kept}, indent=2, ensure_ascii=False) + "\n")

    def close(self) -> None:
        """Let go of the files and the lock."""
        for file in (self._journal, self._losses, self._lock):
            file.close()


def _locked(path: Path) -> IO[str]:
    lock = (path / LOCK).open("w")
    fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    lock.write(json.dumps({"host": socket.gethostname(), "pid": os.getpid(), "since": time.time()}))
    lock.flush()
    return lock


def is_live(path: Path) -> bool:
    """Whether a process holds the run in `path` right now."""
    try:
        with (path / LOCK).open() as lock:
            fcntl.flock(lock, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def read(path: Path, *, losses: bool = True) -> RunRecord:
    """The record of the run in `path`, as far as it is on disk. Raises `RunFolderError` where it is none or damaged."""
    log = RunLog()
    live = is_live(path)  # looked at first: what ends in between has then written all of its journal
    try:
        with (path / JOURNAL).open("rb") as journal:
            for number, line in enumerate(journal, start=1):
                if not line.endswith(b"\n"):
                    break  # being written, or cut off by a crash
                try:
                    log.event(from_json(line))
                except (ValueError, MemoryError):  # ValidationError is a ValueError; a huge run is a damaged line
                    raise RunFolderError(f"{path / JOURNAL}, line {number}: not an event of this version.") from None
        if losses:
            with (path / LOSSES).open("rb") as file:
                known = log.events[0].iterations if log.events and isinstance(log.events[0], RunStarted) else 0
                content = file.read(4 * known)
            log.losses(np.frombuffer(content[: len(content) // 4 * 4], dtype="<f4"))
    except OSError as error:
        raise RunFolderError(f"{path} is not the folder of a run: {error.strerror} ({error.filename}).") from None
    record = RunRecord(log)
    record.catch_up()
    record.interrupted = record.closing is None and not live
    return record


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
        folders = [folder for folder in runs_dir.iterdir() if (folder / JOURNAL).is_file()]
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
            at=started.at if started else "",
            dataset=started.dataset.name if started else "",
            model=str(started.config.get("model", "")) if started else "",
            accuracy=evaluation.accuracy if evaluation else None,
        )


def find(runs_dir: Path, run: str | None) -> Path:
    """The folder that RUN means: a folder, a name below `runs_dir`, or the latest run. Raises `NoSuchRunError`."""
    if run is None:
        runs = list_runs(runs_dir)
        if not runs:
            raise NoSuchRunError(
                f"There is no run in {runs_dir} yet. cifar-tui train starts one; --runs-dir looks elsewhere."
            )
        return runs[0].path
    for folder in (Path(run), runs_dir / run):
        if (folder / JOURNAL).is_file():
            return folder
    names = ", ".join(entry.name for entry in list_runs(runs_dir)[:5])
    raise NoSuchRunError(
        f"There is no run {run} in {runs_dir}. " + (f"There are: {names}." if names else "It is empty.")
    )
