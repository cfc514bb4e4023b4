"""A run whose processes torchrun or a batch system has started, seen from the process that leads it."""

from __future__ import annotations

from pathlib import Path

from engine.config import TrainingConfig
from engine.distributed.meeting import Meeting
from engine.distributed.place import Place
from engine.errors import ConstantError
from engine.files import expanded
from engine.runs.local import Run
from engine.storage.names import new_name


def new(config: TrainingConfig, place: Place) -> Run:
    """Return a new run of `config` with the processes there are.

    If they were started again because one of them failed, it is the rest of the run that they had begun. Raises the
    errors of `Run` and of `Meeting`.
    """
    config = config.replaced(processes=_processes(config.processes, place))
    meeting = Meeting(place)
    try:
        name = meeting.name(config.name or new_name(expanded(config.runs_dir)))
        folder = expanded(config.runs_dir) / name
        if place.attempt and folder.exists():
            return Run.resume(folder, processes=place.size, meeting=meeting)
        return Run(config.replaced(name=name), meeting=meeting)
    except BaseException:
        meeting.close()
        raise


def rest(folder: Path, processes: int | None, place: Place) -> Run:
    """Return the rest of the run in `folder`, trained by the processes there are. Raises as `new` does."""
    size = _processes(processes or 1, place)
    meeting = Meeting(place)
    try:
        return Run.resume(folder, processes=size, meeting=meeting)
    except BaseException:
        meeting.close()
        raise


def _processes(wanted: int, place: Place) -> int:
    if wanted not in (1, place.size):
        raise ConstantError({"processes": f"torchrun has started {place.size}, not {wanted}; leave it out here"})
    return place.size
