"""The images of a run, from any source: 32×32 pixels, all of them in memory."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.record.events import DatasetInfo

IMAGE_SIZE = 32
"""Pixels along each side. All networks expect this size."""

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Files that are read as images, as in torchvision. All others are skipped, hidden files too."""


@dataclass(frozen=True)
class Split:
    """The training or the test images."""

    images: NDArray[np.uint8]
    """Shape (n, 32, 32, 3): red, green and blue from 0 to 255. Channels last, as in files and for fast convolutions."""
    labels: NDArray[np.int64]
    """Shape (n,), indices into the class names."""

    def __len__(self) -> int:
        return len(self.labels)


@dataclass(frozen=True)
class ImageSet:
    """Training and test images with their class names."""

    name: str
    """As shown to people: `CIFAR-10`, `demo set`, or the folder's name."""
    source: str
    """Where the images came from: a path, or how they were made."""
    classes: tuple[str, ...]
    train: Split
    test: Split
    fingerprint: str
    """`fingerprint(classes, train, test)`."""
    notes: tuple[str, ...] = ()
    """What matters when accuracies are compared, such as resized images."""

    @property
    def info(self) -> DatasetInfo:
        return DatasetInfo(
            name=self.name,
            source=self.source,
            fingerprint=self.fingerprint,
            train_images=len(self.train),
            test_images=len(self.test),
            classes=self.classes,
            notes=self.notes,
        )


def fingerprint(classes: tuple[str, ...], train: Split, test: Split) -> str:
    """Return the SHA-256 over names, labels and pixels as hexadecimal digits."""
    digest = hashlib.sha256("\0".join(classes).encode())
    for split in (train, test):
        digest.update(f"\0{len(split)}\0".encode())
        digest.update(np.ascontiguousarray(split.labels, dtype="<i8").data)
        digest.update(np.ascontiguousarray(split.images).data)
    return digest.hexdigest()
