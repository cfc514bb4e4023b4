"""Colours as the eye tells them apart: OKLab."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_LEVELS = np.arange(256) / 255
_LINEAR = np.where(_LEVELS <= 0.04045, _LEVELS / 12.92, ((_LEVELS + 0.055) / 1.055) ** 2.4).astype(np.float32)
"""Light by the level of a channel in sRGB (IEC 61966-2-1)."""

# Björn Ottosson, "A perceptual color space for image processing", 2020.
_CONES = np.array(
    [
        [0.4122214708, 0.2119034982, 0.0883024619],
        [0.5363325363, 0.6806995451, 0.2817188376],
        [0.0514459929, 0.1073969566, 0.6299787005],
    ],
    dtype=np.float32,
)
_OPPONENT = np.array(
    [
        [0.2104542553, 1.9779984951, 0.0259040371],
        [0.7936177850, -2.4285922050, 0.7827717662],
        [-0.0040720468, 0.4505937099, -0.8086757660],
    ],
    dtype=np.float32,
)


def light(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return the light of each channel from 0 to 1: amounts that may be added up and averaged. The shape is kept."""
    return _LINEAR[colours]


def from_light(light: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return lightness (0 to 1), green–red and blue–yellow for red, green and blue light, shape (..., 3)."""
    looks: NDArray[np.float32] = np.cbrt(light @ _CONES) @ _OPPONENT
    return looks


def oklab(colours: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return lightness (0 to 1), green–red and blue–yellow for red, green and blue in sRGB, shape (..., 3).

    The distance between two of them is how different they look.
    """
    return from_light(light(colours))
