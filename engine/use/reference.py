"""The run that one that trains is measured against: the pinned one, or else the best earlier one on the same images."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from engine.errors import RunFolderError
from engine.record.events import RunStarted
from engine.record.record import RunRecord
from engine.storage import tail
from engine.storage.entry import RunEntry
from engine.storage.listing import list_runs


@dataclass(frozen=True, eq=False)
class Reference:
    """A run that is over, or as it was when it was read."""

    name: str
    """That of its folder."""
    record: RunRecord
    is_pinned: bool


def reference_for(folder: Path, started: RunStarted) -> Reference | None:
    """Return the reference of the run in `folder`, from the runs beside it; None if there is none.

    The pinned run if it had the same images. Otherwise, of the completed runs that started earlier, the one with the
    best accuracy of the test images. Runs that cannot be read are passed over.
    """
    entries = [
        entry
        for entry in list_runs(folder.parent)
        if entry.fingerprint == started.dataset.fingerprint and os.path.realpath(entry.path) != os.path.realpath(folder)
    ]
    mine = RunEntry(folder.name, folder, "training", started.at).moment
    earlier = [e for e in entries if e.status == "completed" and e.split == "test" and e.moment < mine]
    best = sorted(earlier, key=lambda entry: -(entry.accuracy or 0.0))
    for entry in (*(entry for entry in entries if entry.pinned), *best):
        try:
            record = tail.read(entry.path)
        except RunFolderError:
            continue
        if record.started is not None and len(record.losses):
            return Reference(entry.name, record, entry.pinned)
    return None
