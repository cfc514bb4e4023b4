"""What the list of runs has read before, so that a thousand runs are listed at once.

A run is read again if its journal is not the one that was read: of another size, time or inode. So the index is never
trusted over the journals, and may be deleted. Only runs without a process are in it.
"""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from os import stat_result
from pathlib import Path
from typing import NamedTuple

from pydantic import TypeAdapter

from engine import __version__
from engine.files import read_bounded
from engine.storage.durable import replace_synced
from engine.storage.entry import RunEntry
from engine.storage.layout import INDEX

_LARGEST = 1 << 26
"""Bytes: some 50,000 runs."""

_WRITTEN_BY = f"{__version__} {' '.join(field.name for field in fields(RunEntry))}"
"""Another version reads other things from a journal."""

_SETTLED_AFTER = 2_000_000_000
"""Nanoseconds: a file that was changed so shortly before it was read may have changed again with the same time."""


class Journal(NamedTuple):
    """Which journal was read."""

    modified_ns: int
    bytes: int
    inode: int

    @classmethod
    def of(cls, found: stat_result) -> Journal:
        return cls(found.st_mtime_ns, found.st_size, found.st_ino)

    def is_settled(self, now_ns: int) -> bool:
        """Whether no later change can have left the journal with the same time and size."""
        return self.modified_ns < now_ns - _SETTLED_AFTER


@dataclass(frozen=True)
class Known:
    """What was read of a run."""

    journal: Journal
    closed: bool
    """Whether it has recorded its end. If not, a process may train it by now."""
    entry: RunEntry


@dataclass(frozen=True)
class _Index:
    written_by: str
    runs: dict[str, Known]


_JSON = TypeAdapter(_Index)


def load(runs_dir: Path) -> dict[str, Known]:
    """Return what is known of the runs below `runs_dir`, by name; nothing if the index is missing or damaged."""
    with suppress(OSError, ValueError):
        index = _JSON.validate_json(read_bounded(runs_dir / INDEX, _LARGEST))
        if index.written_by == _WRITTEN_BY:
            return index.runs
    return {}


def store(runs_dir: Path, runs: dict[str, Known]) -> None:
    """Write the index. Where that is not possible there is none: runs are listed all the same."""
    with suppress(OSError):
        replace_synced(runs_dir / INDEX, _JSON.dump_json(_Index(_WRITTEN_BY, runs)))
