"""A trained network opened again, to classify other pictures:

model = Model.open("runs/swift-heron")
model.probabilities(images)
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.config import TrainingConfig
from engine.data.imageset import IMAGE_SIZE, Split
from engine.errors import NoSuchRunError, RunFolderError
from engine.files import expanded
from engine.storage import tail
from engine.storage.layout import JOURNAL
from engine.storage.recorded import Recorded
from engine.text import clean
from engine.training.layout import convolving, layout
from engine.training.predict import BATCH, predict
from engine.training.resident import ResidentImages
from engine.use import exported
from engine.use.trained import Weights, opened

_AT_ONCE = 4 * BATCH
"""Images that are copied at once. A multiple of `BATCH`, so that the batches are those of an evaluation."""

_PROCESSOR = torch.device("cpu")


@dataclass(frozen=True, eq=False)
class Answers:
    """What a network makes of n images."""

    probabilities: NDArray[np.float32]
    """Shape (n, classes), from all views."""
    classes: NDArray[np.int64]
    """The index of the class that each image is taken for, shape (n,)."""


def can_open(folder: Path) -> bool:
    """Return whether `folder` is that of a run or an exported model, whole or not."""
    return os.path.lexists(folder / JOURNAL) or exported.is_exported(folder)


class Model:
    """The network of a run, on the processor. It looks at each image as the run's evaluation did. Not thread-safe."""

    def __init__(
        self,
        network: nn.Module,
        config: TrainingConfig,
        *,
        name: str,
        classes: tuple[str, ...],
        weights: Weights,
    ) -> None:
        """Of `config` the network's name, the precision and the number of views count."""
        self.name = name
        self.classes = classes
        """The names of the classes, cleaned, in the order of the probabilities."""
        self.views = config.test_views
        """How often each image is looked at: 1, 2 or 6 times, see `engine.recipe.views`."""
        self.weights: Weights = weights
        self.network = network.to(memory_format=layout(config, _PROCESSOR)).eval()
        """Images (n, 3, 32, 32) float32 from -1 to 1 to logits (n, classes)."""
        self._config = config

    @classmethod
    def open(cls, path: Path | str, *, weights: Weights | None = None) -> Self:
        """Open the network of a run, or a model that was exported, in the folder `path`.

        `weights` None: those that the run evaluated. Raises `NoSuchRunError` if neither is there, and `RunFolderError`
        if a run has no network yet, or not these weights, or if the folder is damaged.
        """
        folder = expanded(path)
        if not can_open(folder):
            raise NoSuchRunError(f"{folder} is neither the folder of a run nor an exported model.")
        return cls._of_run(folder, weights) if os.path.lexists(folder / JOURNAL) else cls._exported(folder, weights)

    @classmethod
    def _of_run(cls, folder: Path, weights: Weights | None) -> Self:
        record = tail.read_state(folder)
        if record.started is None:
            raise RunFolderError(f"The run {folder.name} has not begun to train, so it has no network yet.")
        config = Recorded.read(folder).resolved(folder)
        network, found, _ = opened(folder, record, weights)
        classes = tuple(map(clean, record.classes))
        return cls(network, config, name=clean(folder.resolve().name), classes=classes, weights=found)

    @classmethod
    def _exported(cls, folder: Path, weights: Weights | None) -> Self:
        contract, config, network = exported.read(folder)
        if weights not in (None, contract.weights):
            raise RunFolderError(f"{folder} was exported with the {contract.weights} weights and has no others.")
        classes = tuple(map(clean, contract.label_names))
        return cls(network, config, name=clean(contract.name), classes=classes, weights=contract.weights)

    def probabilities(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return the probability of each class, shape (n, classes), for `images` (n, 32, 32, 3): red, green, blue.

        Raises `ValueError` for another shape or type.
        """
        return self.answers(images).probabilities

    def answers(self, images: NDArray[np.uint8]) -> Answers:
        """Return the probabilities for `images` (n, 32, 32, 3), and the classes: bit for bit those of the run's own
        evaluation on this machine.

        Raises `ValueError` for another shape or type.
        """
        _check(images)
        found = []
        for start in range(0, len(images), _AT_ONCE):
            some = images[start : start + _AT_ONCE]
            with convolving(self._config, _PROCESSOR):
                made = predict(self.network, self._resident(some), self._config.precision, views=self.views)
            assert made is not None
            found.append(made)
        if not found:
            return Answers(np.zeros((0, len(self.classes)), np.float32), np.zeros(0, np.int64))
        return Answers(np.concatenate([m.probabilities for m in found]), np.concatenate([m.classes for m in found]))

    @torch.inference_mode()
    def features(self, images: NDArray[np.uint8]) -> NDArray[np.float32]:
        """Return what the network's last layer is given for `images` (n, 32, 32, 3), shape (n, features).

        It is from one view. Pictures that the network finds alike are near each other. Raises `ValueError` for another
        shape or type.
        """
        _check(images)
        last = [layer for layer in self.network.modules() if isinstance(layer, nn.Linear)][-1]
        found = [torch.zeros((0, last.in_features))]
        hook = last.register_forward_pre_hook(lambda _, inputs: found.append(inputs[0].float()))
        try:
            with convolving(self._config, _PROCESSOR):
                for start in range(0, len(images), BATCH):
                    self.network(self._resident(images[start : start + BATCH]).batch(slice(None))[0])
        finally:
            hook.remove()
        features: NDArray[np.float32] = torch.cat(found).numpy()
        return features

    def _resident(self, images: NDArray[np.uint8]) -> ResidentImages:
        split = Split(np.ascontiguousarray(images), np.zeros(len(images), np.int64))
        return ResidentImages(split, _PROCESSOR, layout(self._config, _PROCESSOR))


def _check(images: NDArray[np.uint8]) -> None:
    if images.dtype != np.uint8 or images.shape[1:] != (IMAGE_SIZE, IMAGE_SIZE, 3):
        raise ValueError(f"expected uint8 images (n, {IMAGE_SIZE}, {IMAGE_SIZE}, 3), got {images.dtype} {images.shape}")
