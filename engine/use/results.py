"""What a run made of each image in one of its evaluations."""

from __future__ import annotations

from pathlib import Path

from engine.record.classified import Classified
from engine.record.record import RunRecord
from engine.storage import predictions


def classified(folder: Path, record: RunRecord, index: int) -> Classified:
    """Return what the run in `folder` kept of number `index` of `record.evaluations`.

    Raises `RunFolderError` if nothing was kept, or no longer is, or if the file is damaged.
    """
    return predictions.read(folder, record.evaluations[index], record.classes)


def newest_kept(record: RunRecord) -> int | None:
    """Return the number of the newest of `record.evaluations` that has predictions, or None if there is none."""
    kept = (index for index, done in enumerate(record.evaluations) if done.predictions)
    return max(kept, default=None)
