"""What the gallery shows: the images of one evaluation, and what the network made of them. Read off the event loop."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from engine.errors import EngineError
from engine.record.classified import Classified
from engine.record.events import SplitName
from engine.record.record import RunRecord
from engine.text import clean

if TYPE_CHECKING:
    from engine.use.images import Shown


class Looks(Protocol):
    """A trained network that tells where it looks."""

    def map(self, image: NDArray[np.uint8], of_class: int) -> NDArray[np.float32]:
        """Return the probability of a class lost where each patch of an image is hidden, shape (8, 8)."""


def _classified(folder: Path, record: RunRecord, index: int) -> Classified:
    from engine.use.results import classified

    return classified(folder, record, index)


def _images(folder: Path, record: RunRecord, split: SplitName) -> Shown:
    from engine.use.images import images

    return images(folder, record, split)


def _looks(folder: Path, record: RunRecord) -> Looks:
    from engine.use.occlusion import Looks
    from engine.use.trained import trained

    return Looks(trained(folder, record))


def _import_network() -> None:
    import engine.use.occlusion  # noqa: F401 - takes a second or two, because it imports torch


@dataclass(frozen=True)
class Sources:
    """Where an exhibit comes from. Each may take long, and raises `EngineError` if there is nothing to show."""

    classified: Callable[[Path, RunRecord, int], Classified] = _classified
    images: Callable[[Path, RunRecord, SplitName], Shown] = _images
    looks: Callable[[Path, RunRecord], Looks] = _looks
    prepare: Callable[[], None] = _import_network
    """Makes `looks` quick, before somebody asks for it."""


@dataclass(frozen=True, eq=False)
class Exhibit:
    """The n images of one evaluation, and what a network made of them."""

    record: RunRecord
    folder: Path
    index: int
    """The number of the evaluation in `record.evaluations`."""
    classified: Classified
    files: Sequence[str]
    """What each image is called, n names."""
    images: NDArray[np.uint8] | None = None
    """Shape (n, 32, 32, 3); None while they are read, or if they cannot be."""

    @property
    def split(self) -> SplitName:
        return self.record.evaluations[self.index].split

    @property
    def when(self) -> str:
        """`after epoch 4 of 8`."""
        return f"{self.record.when(self.record.evaluations[self.index])} of {self.record.planned_epochs}"

    def about(self, image: int) -> str:
        """Return what an image is called, and how probable the network found what it took it for and its label."""
        shares = self.classified.probabilities[image]
        classes = dict.fromkeys((int(self.classified.predicted[image]), int(self.classified.labels[image])))
        told = [f"{100 * float(shares[i]):.1f} % {clean(self.classified.classes[i])}" for i in classes]
        return " · ".join([clean(self.files[image]), *told])


def kept(record: RunRecord) -> list[int]:
    """Return the numbers of the evaluations that kept what the network made of each image."""
    return [i for i, evaluated in enumerate(record.evaluations) if evaluated.predictions is not None]


def history(exhibit: Exhibit, sources: Sources) -> list[tuple[str, NDArray[np.int64]]]:
    """Return what the images were taken for in each evaluation until that of `exhibit`: when, and class indices, (n,).

    Evaluations of other images, and those whose predictions are no longer kept, are left out.
    """
    record, found = exhibit.record, []
    for i in kept(record):
        evaluated = record.evaluations[i]
        if i > exhibit.index or evaluated.split != exhibit.split:
            continue
        try:
            predicted = sources.classified(exhibit.folder, record, i).predicted
        except EngineError:
            continue
        found.append((record.when(evaluated).removeprefix("after "), predicted))
    return found
