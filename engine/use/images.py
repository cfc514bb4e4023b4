"""The pictures that a run was evaluated on, from the run's own source, through its cache; never downloaded."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine import data
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.cache import read_split
from engine.data.imageset import Split
from engine.errors import ConstantError, DataError
from engine.record.events import SplitName
from engine.record.record import RunRecord
from engine.storage.recorded import Recorded
from engine.text import clean
from engine.training.validation import held_out
from engine.use.numbered import Numbered


@dataclass(frozen=True, eq=False)
class Shown:
    """The images of an evaluation, in the order of its predictions."""

    images: NDArray[np.uint8]
    """Shape (n, 32, 32, 3): red, green and blue from 0 to 255."""
    labels: NDArray[np.int64]
    """Shape (n,)."""
    split: SplitName
    list_files: Callable[[], tuple[str, ...]] = tuple
    """Returns the path of each image's file below its folder, cleaned; nothing if they have none."""

    @cached_property
    def files(self) -> tuple[str, ...]:
        """What `list_files` returns. It takes longer than reading the images, so it is called when it is needed."""
        return self.list_files()

    @property
    def names(self) -> Sequence[str]:
        """A name for each image: its file, or `test image 4,713`, counted from 0."""
        return self.files or Numbered(self.split, len(self.images))


def images(folder: Path, record: RunRecord, split: SplitName) -> Shown:
    """Return the images of `split` that the run in `folder` was evaluated on.

    Raises `DataError` if they are gone or have changed, and `RunFolderError` if the folder is damaged.
    """
    if record.started is None:
        raise DataError("The run has not begun to train, so it has no images yet.")
    config, part = Recorded.read(folder).resolved(folder), "test" if split == "test" else "train"
    found = _split(config, record, part)
    places = np.arange(len(found))
    if split == "validation":
        places = np.flatnonzero(held_out(found.labels, record.classes, config.validation, config.seed))
    chosen = found.images if split == "test" else found.images[places]
    files = partial(_files, config.data, part, found.labels, len(record.classes), places)
    return Shown(chosen, found.labels[places], split, files)


def training_images(folder: Path, record: RunRecord) -> Split:
    """Return the images that the run in `folder` learnt from: without those that were held out for validation.

    Raises `DataError` if they are gone or have changed, and `RunFolderError` if the folder is damaged.
    """
    config = Recorded.read(folder).resolved(folder)
    found = _split(config, record, "train")
    if not config.validation:
        return found
    places = np.flatnonzero(~held_out(found.labels, record.classes, config.validation, config.seed))
    return Split(found.images[places], found.labels[places])


def _split(config: TrainingConfig, record: RunRecord, part: str) -> Split:
    """Return the test or the training images, if they are those of the run."""
    assert record.started is not None
    of_run = record.started.dataset
    cached = read_split(
        data.cache_file(config.data, config.data_dir), of_run.fingerprint, "test" if part == "test" else "train"
    )
    if cached is not None:
        return cached
    nothing = Control()
    try:
        here = data.load(config.data, config.data_dir, data.Progress(lambda *_: None, nothing, may_download=False))
    except ConstantError as error:
        reason = error.problems.get("data") or error.message
        raise DataError(f"The images of this run are gone: {reason}.") from None
    if here.fingerprint != of_run.fingerprint:
        raise DataError(f"The images in {here.source} are not those of this run any more: they have changed.")
    return here.test if part == "test" else here.train


def _files(
    source: str, part: str, labels: NDArray[np.int64], classes: int, places: NDArray[np.int64]
) -> tuple[str, ...]:
    """Return the paths of the images at `places`; nothing if the images have no files, or other files than they had.

    `labels` are those of all images of `part`.
    """
    try:
        files = data.files(source, part)
    except ConstantError:
        return ()
    if [len(of_class) for of_class in files] != np.bincount(labels, minlength=classes).tolist():
        return ()
    paths = [path for of_class in files for path in of_class]
    return tuple(clean(paths[i]) for i in places)
