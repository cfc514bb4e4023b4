"""Small sets of made-up images, for tests that train."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image

from engine.data.imageset import ImageSet, Split, fingerprint


def made_up_images(train: int, test: int, classes: int = 10, seed: int = 7, noisy: float = 0.0) -> ImageSet:
    """Return noise with a tint for each class: learnable, not downloaded. A share `noisy` of labels is random."""
    generator = np.random.default_rng(seed)
    tint = np.random.default_rng(1).integers(0, 160, (classes, 1, 1, 3))

    def split(count: int) -> Split:
        labels = generator.integers(0, classes, count)
        pixels = generator.integers(0, 96, (count, 32, 32, 3)) + tint[labels]
        if noisy:
            labels = np.where(generator.random(count) < noisy, generator.integers(0, classes, count), labels)
        return Split(pixels.astype(np.uint8), labels.astype(np.int64))

    names = tuple(f"class {i}" for i in range(classes))
    training, testing = split(train), split(test)
    return ImageSet("made up", "here", names, training, testing, fingerprint(names, training, testing))


def save_folder(root: Path, images: ImageSet) -> Path:
    """Save `images` as a folder that `--data` reads: `root`/train/<class>/<number>.png, and test likewise."""
    for split, part in (("train", images.train), ("test", images.test)):
        for number, (pixels, label) in enumerate(zip(part.images, part.labels, strict=True)):
            path = root / split / images.classes[label] / f"{number}.png"
            path.parent.mkdir(parents=True, exist_ok=True)
            Image.fromarray(pixels).save(path)
    return root
