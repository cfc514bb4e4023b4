"""The demo set: ten classes named like CIFAR-10's, drawn by the program, for a first run on a machine without network.

Each image is a scene: a background with a horizon and clutter, a thing or an animal made of simple shapes, perhaps
something in front of it, then light, haze and noise. The notebook's network gets about 55 % of the test images right
after one epoch and about 76 % after four. These numbers say nothing about CIFAR-10.
"""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np

from engine.data.cache import cache_key, cache_path, read_cache, write_cache
from engine.data.found import Found
from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.data.sources.demo.drawing import Scene
from engine.data.sources.demo.motifs import MOTIFS

CLASSES = tuple(MOTIFS)
TRAIN_IMAGES = 10_000
TEST_IMAGES = 2_000

SEED = 1009
"""The seed of a run does not change the images."""

VERSION = "2"
"""Raise it when the drawing changes: older caches are then drawn again."""

NOTE = "The demo set is drawn by the program: its numbers say nothing about CIFAR-10."

BATCH = 50
"""Images drawn at a time: few enough to stay in the processor's cache."""


def find(source: str, data_dir: Path) -> Found:
    """Return what `load` will give."""
    per_class = TRAIN_IMAGES // len(CLASSES)
    description = "demo set: drawn by the program, not CIFAR-10"
    return Found(True, description, CLASSES, (per_class,) * len(CLASSES), TEST_IMAGES)


def cache_file(source: str, data_dir: Path) -> Path:
    """Return the path of the cache file."""
    return cache_path(data_dir, "demo")


def files(source: str, part: str) -> list[list[str]]:
    """Return nothing: the images have no files of their own."""
    return []


def load(source: str, data_dir: Path, progress: Progress) -> ImageSet:
    """Return the demo set, the same pixels every time, from the cache in `data_dir` or drawn. Raises `Stopped`."""
    path, key = cache_file(source, data_dir), cache_key("demo set", VERSION)
    cached = read_cache(path, key)
    if cached:
        return cached[1]
    total = TRAIN_IMAGES + TEST_IMAGES
    images = np.empty((total, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    labels = np.arange(total, dtype=np.int64) % len(CLASSES)  # every part of the set has equally many of each class
    bits = np.random.PCG64(SEED)
    drawn = 0
    for label, (above, below, views) in enumerate(MOTIFS.values()):
        places = np.flatnonzero(labels == label)
        for batch, view in zip(np.array_split(places, len(places) // BATCH), itertools.cycle(views), strict=False):
            scene = Scene(len(batch), bits, above, below)
            view(scene)
            images[batch] = scene.finished()
            drawn += len(batch)
            progress("drawing the demo set", drawn, total, "images")
    train = Split(images[:TRAIN_IMAGES], labels[:TRAIN_IMAGES])
    test = Split(images[TRAIN_IMAGES:], labels[TRAIN_IMAGES:])
    digest = fingerprint(CLASSES, train, test)
    image_set = ImageSet("demo set", "drawn by the program", CLASSES, train, test, digest, (NOTE,))
    write_cache(path, key, image_set)
    return image_set
