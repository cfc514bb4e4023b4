"""What is done to training images, against a plain loop over images and pixels."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine import registry
from engine.recipe import augmentations
from tests.tracing import Trace, check_recordable

NAMES = tuple(name.replace("_", "-") for name in registry.names("recipe/augmentations", first="none"))


def images(count: int, dtype: torch.dtype = torch.uint8) -> Tensor:
    generator = torch.Generator().manual_seed(3)
    pixels = torch.randint(0, 256, (count, 32, 32, 3), generator=generator, dtype=torch.uint8)
    return pixels if dtype == torch.uint8 else (pixels.to(dtype) / 255 - 0.5) / 0.5


def mirrored_back(position: int) -> int:
    """Where the pixel beyond the border comes from."""
    if position < 0:
        return -position
    return 62 - position if position > 31 else position


def by_loop(image: NDArray[Any], numbers: list[list[int]]) -> NDArray[Any]:
    """One image, pixel by pixel: shifted, then mirrored, then covered, as far as there are numbers for it."""
    flip, shift, centre = (*numbers, [], [], [])[:3]
    down, right = shift or (0, 0)
    result = image.copy()
    for row in range(32):
        for column in range(32):
            from_column = 31 - column if flip and flip[0] else column
            result[row, column] = image[mirrored_back(row - down), mirrored_back(from_column - right)]
    if centre:
        top, left = (max(each - 6, 0) for each in centre)
        result[top : centre[0] + 6, left : centre[1] + 6] = 128 if image.dtype == np.uint8 else 2 * 128 / 255 - 1
    return result


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("dtype", [torch.uint8, torch.float32])
def test_every_pixel(name: str, dtype: torch.dtype) -> None:
    """Each augmentation changes each image of a batch as a plain loop over its pixels would, and keeps the original."""
    torch.manual_seed(5)
    augmentation, batch, indices = augmentations.build(name), images(64, dtype), torch.arange(40, 104)
    before = batch.clone()
    numbers = [rows[indices] for rows in augmentation.draw(200, 0, 1)]
    changed = augmentation(batch, *numbers)
    assert changed.dtype == dtype
    assert torch.equal(batch, before)
    for number, image in enumerate(batch):
        expected = by_loop(image.numpy(), [rows[number].reshape(-1).tolist() for rows in numbers])
        np.testing.assert_allclose(changed[number].numpy(), expected, rtol=0, atol=1e-7, err_msg=str(number))


@pytest.mark.parametrize("name", NAMES)
def test_images_in_another_layout(name: str) -> None:
    """Images whose channels lie apart in memory, as on a GPU, are changed in the same way."""
    augmentation, batch = augmentations.build(name), images(16, torch.float32)
    numbers = augmentation.draw(16, 0, 1)
    apart = batch.permute(0, 3, 1, 2).contiguous().permute(0, 2, 3, 1)
    assert torch.equal(augmentation(apart, *numbers), augmentation(batch, *numbers))


@pytest.mark.parametrize("name", NAMES)
def test_the_seed_decides(name: str) -> None:
    """The same seed draws the same numbers, and every epoch takes equally many from torch's generator."""
    augmentation = augmentations.build(name)

    def drawn(epochs: list[int]) -> list[tuple[Tensor, ...]]:
        torch.manual_seed(7)
        return [augmentation.draw(50, epoch, 7) for epoch in epochs]

    for one, same in zip(drawn([0, 1]), drawn([0, 1]), strict=True):
        assert all(torch.equal(a, b) for a, b in zip(one, same, strict=True))
    drawn([0, 1])
    state = torch.get_rng_state()
    drawn([5, 8])
    assert torch.equal(torch.get_rng_state(), state)


@pytest.mark.parametrize("name", [name for name in NAMES if augmentations.build(name).mirrors])
def test_every_second_epoch_mirrors_the_other_half(name: str) -> None:
    """In two epochs every image is seen both ways; the seed says which half is mirrored first."""
    augmentation = augmentations.build(name)
    first, second, third = (augmentation.draw(1000, epoch, 3)[0] for epoch in range(3))
    assert first.sum() == 500
    assert torch.equal(second, ~first)
    assert torch.equal(third, first)
    assert not torch.equal(augmentation.draw(1000, 0, 4)[0], first)


def test_how_far_images_move() -> None:
    """Shifts reach 2 pixels in each direction, and the grey square lies anywhere."""
    torch.manual_seed(0)
    _, shifts, centres = augmentations.build("flip-shift-cutout").draw(2000, 0, 0)
    for each in shifts.T:
        assert each.unique().tolist() == [-2, -1, 0, 1, 2]
    for each in centres.T:
        assert each.unique().tolist() == list(range(32))


def test_what_a_network_must_bear() -> None:
    """Each augmentation says whether it mirrors and shifts, which not every network can take."""
    found = {name: (each.mirrors, each.shifts) for name in NAMES for each in [augmentations.build(name)]}
    assert found == {
        "none": (False, False),
        "flip": (True, False),
        "flip-shift": (True, True),
        "flip-shift-cutout": (True, True),
    }


@pytest.mark.parametrize("name", NAMES[1:])
def test_can_be_recorded(name: str) -> None:
    """A CUDA graph can change the images: the same operations on the same memory, and nothing waits for the GPU."""
    augmentation, batch = augmentations.build(name), images(8, torch.float32)
    numbers = augmentation.draw(8, 0, 1)
    traces = [Trace(), Trace()]
    for trace in traces:
        with trace:
            augmentation(batch, *numbers)
    check_recordable(*traces)
