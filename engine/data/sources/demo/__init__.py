"""The demo set: ten classes named like CIFAR-10's, drawn by the program, for a first look on a machine without network.

Each image is a scene: a background with a horizon and clutter, a thing or an animal made of simple shapes in a pose and
colours of its own, perhaps something in front of it, then light, haze and noise. The notebook's network gets 55 to 60 %
of the test images right after one epoch and 73 to 78 % after four. Whoever trains on it learns how training goes, and
nothing about CIFAR-10.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.found import Found
from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.data.sources.demo.drawing import Dice, Scene
from engine.data.sources.demo.motifs import MOTIFS

CLASSES = tuple(MOTIFS)
TRAIN_IMAGES = 10_000
TEST_IMAGES = 2_000

SEED = 1009
"""The demo set's own: the seed of a run does not change the images."""

NOTE = "The demo set is drawn by the program: its numbers say nothing about CIFAR-10."

BATCH = 100
"""Images drawn at a time: few enough to stay in the processor's cache."""


def load(source: str, data_dir: Path, progress: Progress) -> ImageSet:
    """Draw the demo set; the same pixels every time. Raises `Stopped`."""
    dice = Dice(SEED)
    total = TRAIN_IMAGES + TEST_IMAGES
    images = np.empty((total, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    # The classes take turns, so that every part of the set holds all of them equally often.
    labels = np.arange(total, dtype=np.int64) % len(CLASSES)
    drawn = 0
    for label, name in enumerate(CLASSES):
        place = np.flatnonzero(labels == label)
        for start in range(0, len(place), BATCH):
            batch = place[start : start + BATCH]
            images[batch] = _draw(name, len(batch), dice)
            drawn += len(batch)
            progress("drawing the demo set", drawn, total, "images")
    train = Split(images[:TRAIN_IMAGES], labels[:TRAIN_IMAGES])
    test = Split(images[TRAIN_IMAGES:], labels[TRAIN_IMAGES:])
    return ImageSet(
        name="demo set",
        source="drawn by the program",
        classes=CLASSES,
        train=train,
        test=test,
        fingerprint=fingerprint(CLASSES, train, test),
        notes=(NOTE,),
    )


def find(source: str, data_dir: Path) -> Found:
    """The demo set is always there."""
    return Found(
        True,
        "demo set: drawn by the program, not CIFAR-10",
        CLASSES,
        (TRAIN_IMAGES // len(CLASSES),) * len(CLASSES),
        TEST_IMAGES,
    )


def _draw(name: str, n: int, dice: Dice) -> NDArray[np.uint8]:
    """`n` images of a class, shape (n, 32, 32, 3), its views in turn."""
    (above, below), views = MOTIFS[name]
    shares = np.linspace(0, n, len(views) + 1).astype(int)
    parts = []
    for view, count in zip(views, np.diff(shares), strict=True):
        scene = Scene(int(count), dice, above, below)
        view(scene)
        parts.append(scene.finished())
    return np.concatenate(parts)
