"""Runs on disk, read to be compared."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from engine.errors import EngineError, NoSuchRunError, RunFolderError
from engine.record.comparison import Compared, Comparison, Pair, compare, pair_of
from engine.storage import tail
from engine.text import clean
from engine.use.results import classified


def compared(folders: Sequence[Path]) -> Comparison:
    """Return the comparison of the runs in `folders`, the first of which is what the others are compared with.

    One that cannot be read or has not begun to train is left out, and a note says so. Raises `NoSuchRunError` if the
    same run is all there is, and `RunFolderError` if fewer than two can be compared.
    """
    by_place: dict[str, Path] = {}
    for folder in folders:
        by_place.setdefault(os.path.realpath(folder), folder)
    different = [*by_place.values()]
    notes = []
    if len(different) < len(folders):
        if len(different) < 2:
            raise NoSuchRunError(f"{folders[0].name} cannot be compared with itself. Name another run.")
        notes.append("A run that was named twice counts once.")
    runs, problems = [], []
    names = _names(different)
    for folder, name in zip(different, names, strict=True):
        try:
            record = tail.read(folder)
        except RunFolderError as error:
            problems.append(f"{clean(folder.name)} is left out: {error.message}")
            continue
        if record.started is None:
            problems.append(f"{clean(folder.name)} is left out: it has not begun to train.")
        else:
            runs.append(Compared(name, folder, record))
    if len(runs) < 2:
        raise RunFolderError("\n".join(["There are not two runs that can be compared.", *problems][:3]))
    found = compare(runs, None, [*problems, *notes])
    return _with_pair(found)


def _names(folders: Sequence[Path]) -> list[str]:
    """Return the names of the folders, with the folder above where two are called alike."""
    absolute = [folder.absolute() for folder in folders]
    names = [folder.name for folder in absolute]
    alike = [names.count(name) > 1 for name in names]
    return [f"{f.parent.name}/{f.name}" if twice else f.name for f, twice in zip(absolute, alike, strict=True)]


def pair(first: Compared, second: Compared) -> Pair:
    """Return two runs image by image. Raises `RunFolderError` if one kept no predictions, or if the images differ."""
    kept = []
    for run in (first, second):
        evaluations = run.record.evaluations
        if not evaluations:
            raise RunFolderError(f"{run.name} was not evaluated yet, so there are no predictions of its images.")
        if evaluations[-1].split != "test":
            raise RunFolderError(f"{run.name} was not evaluated on the test images yet.")
        kept.append(classified(run.folder, run.record, len(evaluations) - 1))
    same = first.started.dataset.fingerprint == second.started.dataset.fingerprint
    found = pair_of(first, kept[0], second, kept[1]) if same else None
    if found is None:
        raise RunFolderError(f"{first.name} and {second.name} were not evaluated on the same images.")
    return found


def _with_pair(found: Comparison) -> Comparison:
    """Return the comparison with its images one by one, if it is of two runs, or of two groups of seeds."""
    chosen = _chosen(found)
    if chosen is None:
        return found
    try:
        return replace(found, pair=pair(*chosen))
    except EngineError as error:
        return replace(found, notes=(*found.notes, f"Without a look at single images: {error.message}"))


def _chosen(found: Comparison) -> tuple[Compared, Compared] | None:
    if not found.same_images:
        return None
    if len(found.groups) == 1 and len(found.runs) == 2:
        return found.runs[0], found.runs[1]
    if len(found.groups) != 2:
        return None
    first, second = found.groups
    both = [(one, other) for one in first.runs for other in second.runs if one.seed == other.seed]
    return both[0] if both else (first.first, second.first)
