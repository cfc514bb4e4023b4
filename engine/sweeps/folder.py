"""A sweep on disk. It is known from this folder alone, from any process and any machine that sees it.

runs/<sweep>/
  sweep.json            what it is to do
  trials/0007.json      the values of trial 7, written before any of its runs begins
  claims/<run>.2        who trains a run: the second worker that took it, after the first was gone
  failures/<run>.1      why a run failed, each time
  workers/<id>          locked (flock) by a worker while it lives; its time tells other machines that it does
  stop                  empty; workers end their runs with results and begin no others, until the sweep is resumed
  output/<run>.txt      what the process of a run said on stderr
  trial-0007/           an ordinary run; with several seeds trial-0007-1, trial-0007-2, …

Each file of trials, claims and failures is made once and never changed: with its content, and only if there is none of
that name (link). So two workers never make the same trial or take the same run, and a crash leaves nothing half done.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import socket
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from engine.errors import ConstantError, RunFolderError
from engine.files import read_bounded
from engine.storage.durable import sync_folder, write_synced
from engine.storage.layout import SWEEP
from engine.sweeps.spec import Spec
from engine.text import clean

STOP = "stop"
TRIALS, CLAIMS, FAILURES, WORKERS, OUTPUT = FOLDERS = ("trials", "claims", "failures", "workers", "output")

SCHEMA_VERSION = 1

_LARGEST = 1 << 20
"""Bytes of a file that is read."""


@dataclass(frozen=True)
class Trial:
    """The values that are tried, and the names of the runs that try them."""

    number: int
    values: Mapping[str, Any]
    runs: tuple[str, ...]


@dataclass(frozen=True)
class Claim:
    """The newest worker that took a run."""

    generation: int
    """From 1."""
    worker: str


class SweepFolder:
    """The folder of a sweep. Not thread-safe. Methods raise `OSError`, and `RunFolderError` for damaged files."""

    def __init__(self, path: Path, spec: Spec, directory: Path, since: float) -> None:
        """Use `create` or `open`."""
        self.path, self.spec = path, spec
        self.directory = directory
        """The working directory in which the sweep was begun: relative paths among the constants start there."""
        self.since = since
        """When it was begun, in seconds since 1970."""
        # These files never change, so each is read once.
        self._trials: dict[int, Trial] = {}
        self._read_before: dict[tuple[str, str, int], dict[str, Any]] = {}

    @classmethod
    def create(cls, path: Path, spec: Spec) -> Self:
        """Make the folder of a new sweep, complete or not at all. Raises `ConstantError` if there is one already."""
        making = path.with_name(f".{path.name}.{os.getpid()}")
        since = round(time.time(), 3)
        content = {
            "schema_version": SCHEMA_VERSION,
            "since": since,
            "directory": str(Path.cwd()),
            "spec": spec.as_json(),
        }
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            for name in FOLDERS:
                (making / name).mkdir()
            write_synced(making / SWEEP, _json(content))
            if os.path.lexists(path):
                raise FileExistsError
            making.rename(path)
            sync_folder(path.parent)
        except FileExistsError:
            shutil.rmtree(making, ignore_errors=True)
            raise ConstantError({"name": f"{path} exists already; choose another name"}) from None
        except OSError as error:
            shutil.rmtree(making, ignore_errors=True)
            raise ConstantError({"runs_dir": f"{path} cannot be made: {error.strerror}"}) from None
        return cls(path, spec, Path.cwd(), since)

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the sweep in `path`. Raises `RunFolderError` if it is none, or damaged."""
        content = _read(path / SWEEP)
        try:
            if content["schema_version"] > SCHEMA_VERSION:
                raise RunFolderError(f"{path / SWEEP} is of a newer version of cifar-tui. Go on with that version.")
            return cls(path, Spec.checked(content["spec"]), Path(content["directory"]), float(content["since"]))
        except (KeyError, TypeError, ValueError, OverflowError, ConstantError) as error:
            reason = error.message if isinstance(error, ConstantError) else "damaged"
            raise RunFolderError(f"{path / SWEEP} does not describe a sweep: {reason}.") from None

    # Trials

    def trials(self) -> list[Trial]:
        """Return the trials in order. Raises `RunFolderError` if the file of one is damaged."""
        for number in sorted(
            int(name[:-5]) for name in self._names(TRIALS) if re.fullmatch(r"[0-9]{4,9}[.]json", name)
        ):
            if number not in self._trials:
                self._trials[number] = self.trial(number, self._values(number))
        return [self._trials[number] for number in sorted(self._trials)]

    def _values(self, number: int) -> Mapping[str, Any]:
        path = self.path / TRIALS / f"{number:04}.json"
        values = _read(path).get("values")
        if not isinstance(values, dict) or values.keys() != self.spec.over.keys():
            raise RunFolderError(f"{path} does not hold the values of a trial of this sweep.")
        return values

    def trial(self, number: int, values: Mapping[str, Any]) -> Trial:
        """Return trial `number` with the names of its runs."""
        name, count = f"trial-{number:04}", self.spec.seeds
        return Trial(number, values, (name,) if count == 1 else tuple(f"{name}-{i + 1}" for i in range(count)))

    def add_trial(self, trial: Trial) -> bool:
        """Write the values of a new trial. Return False if another worker has made one of that number."""
        return self._make(self.path / TRIALS / f"{trial.number:04}.json", {"values": dict(trial.values)})

    # Runs

    def run(self, name: str) -> Path:
        """Return the folder of a run; it may not exist yet."""
        return self.path / name

    def output(self, name: str) -> Path:
        """Return the file with what the process of a run said."""
        return self.path / OUTPUT / f"{name}.txt"

    @property
    def is_stopping(self) -> bool:
        """Whether somebody asked for an early end."""
        return (self.path / STOP).exists()

    def ask_to_stop(self) -> None:
        """Ask all workers to end their runs with results, and to begin no others."""
        (self.path / STOP).touch()

    def go_on(self) -> None:
        """Take back what `ask_to_stop` asked for."""
        (self.path / STOP).unlink(missing_ok=True)

    def claims(self) -> dict[str, Claim]:
        """Return who took each run last, by the name of the run."""
        found: dict[str, Claim] = {}
        for run, generation in sorted(self._generations(CLAIMS)):
            worker = str(self._content(CLAIMS, run, generation).get("worker"))
            found[run] = Claim(generation, worker)
        return found

    def claim(self, run: str, after: Claim | None, worker: str) -> bool:
        """Take a run that `after` has let go. Return False if another worker was faster."""
        generation = 1 + (after.generation if after else 0)
        return self._make(self.path / CLAIMS / f"{run}.{generation}", {"worker": worker})

    def failures(self) -> dict[str, list[str]]:
        """Return why runs failed, each time, by the name of the run."""
        found: dict[str, list[str]] = {}
        for run, number in sorted(self._generations(FAILURES)):
            found.setdefault(run, []).append(clean(str(self._content(FAILURES, run, number).get("reason", ""))))
        return found

    def add_failure(self, run: str, reason: str) -> None:
        """Note that the run failed once more."""
        number = 1 + max((n for name, n in self._generations(FAILURES) if name == run), default=0)
        self._make(self.path / FAILURES / f"{run}.{number}", {"reason": reason[:2_000]})

    def _generations(self, folder: str) -> Iterator[tuple[str, int]]:
        for name in self._names(folder):
            run, _, number = name.rpartition(".")
            if re.fullmatch(r"[0-9]{1,9}", number) and not run.startswith("."):
                yield run, int(number)

    def _names(self, folder: str) -> list[str]:
        try:
            return os.listdir(self.path / folder)
        except OSError as error:
            raise RunFolderError(f"{self.path / folder} cannot be read: {error.strerror}.") from None

    def _content(self, folder: str, run: str, number: int) -> dict[str, Any]:
        key = (folder, run, number)
        if key not in self._read_before:
            self._read_before[key] = _read(self.path / folder / f"{run}.{number}")
        return self._read_before[key]

    def _make(self, path: Path, content: Mapping[str, Any]) -> bool:
        """Write a file with its whole content, if there is none of that name. Return whether this made it."""
        temporary = path.with_name(f".{path.name}.{socket.gethostname()}.{os.getpid()}")
        with suppress(FileNotFoundError):
            temporary.unlink()
        try:
            write_synced(temporary, _json(content))
            os.link(temporary, path)
        except FileExistsError:
            return False
        finally:
            with suppress(FileNotFoundError):
                temporary.unlink()
        sync_folder(path.parent)
        return True


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(read_bounded(path, _LARGEST))
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (ValueError, RecursionError):
        raise RunFolderError(f"{path} is damaged.") from None
    if not isinstance(content, dict):
        raise RunFolderError(f"{path} is damaged.")
    return content


def _json(content: Mapping[str, Any]) -> bytes:
    return json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False).encode() + b"\n"
