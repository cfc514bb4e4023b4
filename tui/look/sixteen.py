"""Pictures in 16 colours: which two of them, and which glyph, come nearest to the two pixels of a cell."""

from __future__ import annotations

from functools import cache
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tui.look.nearest import MEAN_OF_16
from tui.look.oklab import from_light, light, oklab

UPPER = "▀"


class Mixture(NamedTuple):
    """What a cell of 16 colours can show: a glyph in the colour `ink` on the colour `ground`."""

    glyph: str
    ink: int
    ground: int


_COVERED = {"░": 0.25, "▒": 0.5, "▓": 0.75}

_FARTHEST = 0.7
"""The OKLab distance up to which two colours are mixed. Farther ones do not blend: a pattern is all that one sees."""

_COARSE = 0.01
"""How much worse a mixture may fit, for each squared distance of its colours, before half blocks are better."""


def mixed(images: NDArray[np.uint8]) -> list[list[list[Mixture]]]:
    """Return what each cell shows: its two pixels as ▀, or their mean as a mixture of two colours.

    `images` has the shape (n, h, w, 3), h even; the lists are n × h / 2 × w. Sixteen colours are too few for pictures.
    With the glyphs ░▒▓ they become a few hundred, at half the height. Whichever is nearer to the two pixels is taken.
    """
    table, mixtures, looks, costs = _mixtures()
    wanted = oklab(images)
    upper, lower = wanted[:, ::2], wanted[:, 1::2]
    two = [_distances(pixels, table) for pixels in (upper, lower)]
    both = _distances(upper, looks) + _distances(lower, looks) + costs
    best, halves = both.argmin(axis=-1), [distances.argmin(axis=-1) for distances in two]
    is_mixed = both.min(axis=-1) < two[0].min(axis=-1) + two[1].min(axis=-1)
    numbers = zip(*(array.tolist() for array in (is_mixed, best, *halves)), strict=True)
    return [
        [
            [mixtures[k] if mix else Mixture(UPPER, i, j) for mix, k, i, j in zip(*row, strict=True)]
            for row in zip(*image, strict=True)
        ]
        for image in numbers
    ]


def _distances(pixels: NDArray[np.float32], table: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the squared distance of each pixel to each colour of `table`: shapes (..., 3), (k, 3), (..., k)."""
    squares = (pixels**2).sum(axis=-1)[..., None] + (table**2).sum(axis=1)
    distances: NDArray[np.float32] = squares - 2 * (pixels @ table.T)
    return distances


@cache
def _mixtures() -> tuple[NDArray[np.float32], tuple[Mixture, ...], NDArray[np.float32], NDArray[np.float32]]:
    """Return how the 16 colours look, the mixtures there are, how they look, and what `_COARSE` adds to each."""
    colours = np.array(MEAN_OF_16, dtype=np.uint8)
    table, lights = oklab(colours), light(colours)
    mixtures, mixed_light, costs = [], [], []
    for ground in range(16):
        for ink in range(ground, 16):
            apart = float(((table[ink] - table[ground]) ** 2).sum())
            if apart > _FARTHEST**2:
                continue
            for glyph, covered in _COVERED.items() if ink != ground else [("█", 1.0)]:
                mixtures.append(Mixture(glyph, ink, ground))
                mixed_light.append(lights[ink] * covered + lights[ground] * (1 - covered))
                costs.append(_COARSE * apart)
    return table, tuple(mixtures), from_light(np.array(mixed_light)), np.array(costs, dtype=np.float32)
