"""Batches of images: picked, augmented as was drawn for the epoch, and laid out."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
import torch
from torch import Tensor

from engine.recipe import augmentations
from engine.training.resident import ResidentImages, normalized
from tests.images import made_up_images

SPLIT = made_up_images(50, 5).train
CPU = torch.device("cpu")
SOME = torch.tensor([7, 3, 49, 0, 21])


def epochs(name: str, *, last: bool, as_bytes: bool) -> list[Tensor]:
    """Five images in three epochs, (n, h, w, c) float32."""
    torch.manual_seed(4)
    layout = torch.channels_last if last else torch.contiguous_format
    made = augmentations.build(name)
    images = ResidentImages(SPLIT, CPU, layout, as_bytes=as_bytes, augmentation=made, seed=2)
    found = []
    for epoch in (1, 2, 3):
        images.draw(epoch)
        batch, labels = images.batch(SOME)
        assert labels.tolist() == SPLIT.labels[SOME].tolist()
        assert batch.is_contiguous(memory_format=layout)
        assert batch.dtype == (torch.uint8 if as_bytes else torch.float32)
        found.append((normalized(batch) if as_bytes else batch).permute(0, 2, 3, 1).clone())
    return found


@pytest.mark.parametrize("name", ["none", "flip", "flip-shift", "flip-shift-cutout"])
def test_batches_are_what_was_drawn(name: str) -> None:
    """A batch has the images of the epoch's draw, whatever the layout and whether they stay bytes."""
    torch.manual_seed(4)
    augmentation = augmentations.build(name)
    pixels = normalized(torch.from_numpy(SPLIT.images))[SOME]
    expected = []
    for epoch in (1, 2, 3):
        drawn = augmentation.draw(len(SPLIT), epoch, 2)
        expected.append(augmentation(pixels, *(numbers[SOME] for numbers in drawn)))
    for last, as_bytes in product((False, True), repeat=2):
        for found, wanted in zip(epochs(name, last=last, as_bytes=as_bytes), expected, strict=True):
            torch.testing.assert_close(found, wanted)
    assert torch.equal(expected[0], expected[1]) == (name == "none")
    if name == "flip":
        assert torch.equal(expected[0].flip(2), expected[1])
        assert torch.equal(expected[0], expected[2])


def test_making_them_draws_nothing() -> None:
    """The random numbers of a run are those of its epochs only."""
    before = torch.get_rng_state()
    ResidentImages(SPLIT, CPU, augmentation=augmentations.build("flip-shift-cutout"), seed=2)
    assert torch.equal(torch.get_rng_state(), before)
    np.testing.assert_array_equal(ResidentImages(SPLIT, CPU).labels(SOME), SPLIT.labels[SOME])
