"""Draw a batch of small scenes at once: random numbers, colours, and shapes with soft edges, as arithmetic on arrays.

The pixels are the same on every machine: the random numbers are PCG64's raw bits, whose stream NumPy guarantees, and
the pixels are computed from them only with operations that IEEE 754 rounds exactly (+ − × ÷ √).
"""

from __future__ import annotations

from functools import reduce
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from engine.data.imageset import IMAGE_SIZE

Floats = NDArray[np.floating]
"""float32, the images first: a number (n, 1, 1), a value for each pixel (n, 32, 32), a colour (n, 3, 1, 1)."""
Number = Floats | float
Point = tuple[Number, Number]


def palette(colours: str) -> Floats:
    """Return the colours that are given as `ff8000 0080ff`, shape (k, 3)."""
    return np.array([list(bytes.fromhex(colour)) for colour in colours.split()], np.float32)


ANYTHING = palette("404040 808080 c0c0c0")


class Scene:
    """A batch of `n` images. Each shape is painted over the earlier ones, in all images.

    Shapes have the coordinates of the thing that `place` puts into the image: about -1 to 1, u forwards, v downwards.
    `shown`, 0 or 1 for each image, leaves a shape out of some images.
    """

    _u: Floats
    _v: Floats
    _sharp: Floats

    def __init__(self, n: int, bits: np.random.PCG64, above: tuple[Floats, ...], below: tuple[Floats, ...]) -> None:
        self.n, self._bits = n, bits
        line = (np.arange(IMAGE_SIZE, dtype=np.float32) - (IMAGE_SIZE - 1) / 2) / (IMAGE_SIZE / 2)
        self._x, self._y = line.reshape(1, 1, -1), line.reshape(1, -1, 1)
        self._whole_image()
        self._pixels = self.colour(*above) + (self._y * self.number(-25, 25) + 0 * self._x)[:, None]
        self._paint(self.number(-0.5, 0.9) - self._y + self._x * self.number(-0.15, 0.15), self.colour(*below))
        self._pixels += (self._random(n, 3, 8, 8) * self.number(4, 30)[:, None]).repeat(4, 2).repeat(4, 3)
        self._clutter(3)

    def number(self, low: float, high: float) -> Floats:
        """Return a random number for each image."""
        return (low + high + (high - low) * self._random(self.n, 1, 1)) / 2

    def chance(self, probability: float) -> Floats:
        """Return 1 with this probability, otherwise 0, for each image."""
        return (self.number(0, 1) < probability).astype(np.float32)

    def colour(self, *palettes: Floats, spread: float = 22) -> Floats:
        """Return a colour close to one of the palettes', for each image."""
        colours = np.concatenate(palettes)
        chosen = colours[(self.number(0, 1) * len(colours)).astype(int).ravel() % len(colours)]
        return np.asarray(chosen.reshape(-1, 3, 1, 1) + self._random(self.n, 3, 1, 1) * spread)

    def place(self, turn: float) -> None:
        """Put a thing somewhere near the middle, turned by about `turn` degrees at most, facing left or right."""
        size, stretch, slope = self.number(0.6, 1.1), self.number(0.85, 1.18), self.number(-turn, turn) / 115
        cosine, sine = (1 - slope * slope) / (1 + slope * slope), 2 * slope / (1 + slope * slope)
        x, y = self._x - self.number(-0.2, 0.2), self._y - self.number(-0.2, 0.2)
        self._u = (cosine * x + sine * y) * (1 - 2 * self.chance(0.5)) / (size * stretch)
        self._v = (cosine * y - sine * x) / size * stretch
        self._sharp = size * (IMAGE_SIZE / 2)

    def ellipse(self, u: Number, v: Number, width: Number, height: Number, colour: Floats, shown: Number = 1) -> None:
        """Paint an ellipse with this centre and these half axes."""
        a, b = (self._u - u) / width, (self._v - v) / height
        self._paint((np.sqrt(a * a + b * b) - 1) * np.minimum(_float(width), _float(height)), colour, shown)

    def box(self, u: Number, v: Number, width: Number, height: Number, colour: Floats, shown: Number = 1) -> None:
        """Paint a box with this centre, half this wide and high."""
        self._paint(np.maximum(abs(self._u - u) - width, abs(self._v - v) - height), colour, shown)

    def limb(self, start: Point, end: Point, radius: Number, colour: Floats, shown: Number = 1) -> None:
        """Paint a thick line with round ends."""
        (u, v), along, down = start, end[0] - start[0], end[1] - start[1]
        a, b = self._u - u, self._v - v
        part = np.clip((a * along + b * down) / (along * along + down * down + 1e-6), 0, 1)
        a, b = a - part * along, b - part * down
        self._paint(np.sqrt(a * a + b * b) - radius, colour, shown)

    def polygon(self, *corners: Point, colour: Floats, shown: Number = 1) -> None:
        """Paint a convex polygon."""
        points = [(_float(u), _float(v)) for u, v in corners]
        sides = [(u, v, to_u - u, to_v - v) for (u, v), (to_u, to_v) in pairwise([*points, points[0]])]
        turn = np.sign(sum(u * down - v * along for u, v, along, down in sides))
        distances = (
            ((self._u - u) * down - (self._v - v) * along) / (turn * np.sqrt(along * along + down * down))
            for u, v, along, down in sides
        )
        self._paint(reduce(np.maximum, distances), colour, shown)

    def finished(self) -> NDArray[np.uint8]:
        """Return the images with clutter in front of some, light, haze and noise, shape (n, 32, 32, 3)."""
        self._whole_image()
        self._clutter(1)
        pixels = self._pixels * (self.number(0.75, 1.2) + self._x * self.number(-0.25, 0.25))[:, None]
        pixels += self.number(0, 0.3)[:, None] * (self.colour(ANYTHING, spread=60) - pixels)
        pixels += self._random(*pixels.shape) * self.number(3, 22)[:, None]
        return np.clip(pixels, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)

    def _random(self, *shape: int) -> Floats:
        """Return numbers from -1 to 1, with 24 bits, which float32 holds exactly."""
        raw = np.asarray(self._bits.random_raw(int(np.prod(shape))))
        return np.asarray((raw >> np.uint64(40)).astype(np.float32) / 2**23 - 1).reshape(shape)

    def _whole_image(self) -> None:
        """Use the coordinates of the image: -1 to 1 from side to side."""
        self._u, self._v, self._sharp = self._x, self._y, _float(IMAGE_SIZE / 2)

    def _clutter(self, boxes: int) -> None:
        for _ in range(boxes):
            width, height = self.number(0.05, 0.4), self.number(0.05, 0.4)
            colour = self.colour(ANYTHING, spread=60)
            self.box(self.number(-1, 1), self.number(-1, 1), width, height, colour, self.chance(0.3))

    def _paint(self, distance: Floats, colour: Floats, shown: Number = 1) -> None:
        """Cover the pixels with a negative `distance`, in the thing's units, with edges that are one pixel soft."""
        cover = np.clip(0.5 - distance * self._sharp, 0, 1) * shown
        change = colour - self._pixels
        change *= cover[:, None]
        self._pixels += change


def _float(value: Number) -> Floats:
    return np.asarray(value, np.float32)
