"""The network of a run, asked about one picture after the other: what it is taken for, why, and what it is like."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from threading import Lock

import numpy as np
from numpy.typing import NDArray

from engine.data.imageset import Split
from engine.errors import DataError, Stopped
from engine.record.record import RunRecord
from engine.use.images import training_images
from engine.use.model import Model
from engine.use.named import Named
from engine.use.occlusion import Looks
from engine.use.pictures import read

_AT_ONCE = 1_000
"""Training images whose features are computed between two looks at whether they are still wanted."""


@dataclass(frozen=True, eq=False)
class Seen:
    """A picture, and what it is taken for."""

    image: NDArray[np.uint8]
    """Shape (32, 32, 3), as the network sees it."""
    probabilities: NDArray[np.float32]
    """Shape (classes,)."""
    taken: int
    """The index of the class."""


@dataclass(frozen=True, eq=False)
class Alike:
    """The k training images that are most like a picture, the most similar first."""

    images: NDArray[np.uint8]
    """Shape (k, 32, 32, 3)."""
    labels: NDArray[np.int64]
    """Shape (k,)."""
    similarity: NDArray[np.float32]
    """The cosine of the angle between their features and the picture's, at most 1, shape (k,)."""


class Classifier:
    """Thread-safe: one question is answered at a time."""

    def __init__(self, folder: Path, record: RunRecord) -> None:
        """Open the network of the run in `folder`. Raises `RunFolderError` if it has none."""
        self._folder, self._record = folder, record
        self._model = Model.open(folder)
        self._looks = Looks(self._model.network)
        self._training: Split | None = None
        self._features: list[NDArray[np.float32]] = []
        """Of the training images so far, each scaled to length 1."""
        self._turn, self._turn_to_compare = Lock(), Lock()

    @property
    def classes(self) -> tuple[str, ...]:
        return self._model.classes

    @property
    def proposal(self) -> str:
        """A folder with pictures: that of the run's own test images if it has one, otherwise the current one."""
        assert self._record.started is not None
        test = os.path.join(self._record.started.dataset.source, "test", "")
        return test if os.path.isdir(test) else os.path.join(os.getcwd(), "")

    def see(self, path: str) -> Seen:
        """Classify the picture in the file `path`. Raises `DataError` if it cannot be read."""
        (some,) = read([Named(path)])
        if some.unreadable:
            raise DataError(f"{os.path.basename(path)} cannot be read: {some.unreadable[0].problem}.")
        with self._turn:
            answers = self._model.answers(some.images)
        return Seen(some.images[0], answers.probabilities[0], int(answers.classes[0]))

    def map(self, image: NDArray[np.uint8], of_class: int) -> NDArray[np.float32]:
        """Return the probability of a class lost where each patch of an image is hidden, shape (8, 8)."""
        with self._turn:
            return self._looks.map(image, of_class)

    def alike(self, image: NDArray[np.uint8], count: int, goes_on: Callable[[int, int], bool]) -> Alike:
        """Return the `count` training images whose features before the last layer are most like those of `image`.

        The first time all training images are looked at, which may take a minute: `goes_on` is called with how many
        are done and how many there are. Raises `Stopped` if it returns False, and `DataError` if the images are gone.
        """
        with self._turn_to_compare:
            if self._training is None:
                self._training = training_images(self._folder, self._record)
            images = self._training.images
            while (done := sum(map(len, self._features))) < len(images):
                if not goes_on(done, len(images)):
                    raise Stopped
                with self._turn:
                    self._features.append(_unit(self._model.features(images[done : done + _AT_ONCE])))
            with self._turn:
                own = _unit(self._model.features(image[None]))[0]
            similarity = np.concatenate([features @ own for features in self._features])
            nearest = np.argsort(-similarity, kind="stable")[:count]
            return Alike(images[nearest], self._training.labels[nearest], similarity[nearest])


def _unit(features: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return features (n, f) scaled to length 1; those that are 0 everywhere stay so."""
    lengths: NDArray[np.float32] = np.maximum(np.linalg.norm(features, axis=1, keepdims=True), 1e-12)
    return features / lengths
