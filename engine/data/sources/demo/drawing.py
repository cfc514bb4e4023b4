"""Painting many small scenes at once: random numbers, colours, and shapes with soft edges, as arithmetic on arrays.

The pixels are the same everywhere: the random numbers are PCG64's raw bits, whose stream NumPy guarantees, and what is
computed from them for each pixel is only what IEEE 754 rounds exactly (+ − × ÷ √).
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from engine.data.imageset import IMAGE_SIZE

Floats = NDArray[np.floating]
"""float32. Per image (n, 1, 1), per pixel (n, 32, 32), or a colour (n, 3, 1, 1)."""

Number = Floats | float

Palette = Sequence[tuple[int, int, int]]

SKY: Palette = ((105, 160, 225), (185, 205, 230), (225, 225, 228), (215, 150, 120), (80, 100, 135))
GRASS: Palette = ((85, 135, 50), (125, 145, 65), (60, 90, 40), (150, 150, 80))
FOREST: Palette = ((40, 65, 35), (70, 85, 50), (95, 85, 55), (60, 50, 35))
ROAD: Palette = ((110, 110, 115), (150, 145, 140), (85, 82, 80), (175, 165, 145))
WATER: Palette = ((40, 90, 145), (60, 120, 135), (90, 115, 130), (30, 60, 90))
ROOM: Palette = ((175, 140, 105), (200, 190, 175), (125, 80, 65), (100, 110, 145), (150, 60, 60), (90, 95, 75))
PAINT: Palette = (
    (190, 40, 40),
    (40, 70, 160),
    (225, 225, 225),
    (45, 45, 50),
    (200, 170, 50),
    (60, 120, 75),
    (150,) * 3,
)
METAL: Palette = ((235, 235, 240), (190, 195, 205), (215, 215, 220), (120, 130, 150), (200, 90, 80))
FUR: Palette = ((60, 50, 45), (165, 115, 65), (205, 185, 155), (120, 110, 105), (225, 220, 210), (190, 130, 70))
HIDE: Palette = ((125, 80, 45), (165, 120, 75), (95, 60, 40), (145, 105, 70))
COAT: Palette = ((115, 65, 35), (60, 40, 30), (150, 95, 50), (215, 210, 205), (45, 42, 45))
FEATHER: Palette = ((95, 80, 65), (170, 60, 45), (60, 100, 165), (220, 215, 205), (50, 48, 50), (200, 165, 60))
SKIN: Palette = ((85, 140, 50), (120, 150, 60), (110, 95, 50), (60, 105, 65), (160, 150, 70))
DARK: Palette = ((30, 28, 30),)
PALE: Palette = ((215, 220, 225),)


class Dice:
    """Random numbers from raw bits alone."""

    def __init__(self, seed: int) -> None:
        self._bits = np.random.PCG64(seed)

    def number(self, n: int, low: float, high: float) -> Floats:
        """One number an image, evenly from `low` to `high`; shape (n, 1, 1)."""
        return (low + (high - low) * self._unit(n)).astype(np.float32).reshape(n, 1, 1)

    def sign(self, n: int) -> Floats:
        return np.where(self.number(n, -1, 1) < 0, -1, 1).astype(np.float32)

    def chance(self, n: int, probability: float) -> Floats:
        """1 with this probability, else 0."""
        return (self.number(n, 0, 1) < probability).astype(np.float32)

    def colour(self, n: int, palette: Palette, spread: float = 22) -> Floats:
        """One colour an image, from near one of the palette's; shape (n, 3, 1, 1)."""
        chosen = np.array(palette, np.float32)[(self._unit(n) * len(palette)).astype(int)]
        change = (self._unit(3 * n).reshape(n, 3) * 2 - 1) * spread
        return np.asarray(chosen + change, np.float32).reshape(n, 3, 1, 1)

    def noise(self, shape: tuple[int, ...]) -> Floats:
        """Evenly from -1 to 1, in steps of a byte."""
        count = int(np.prod(shape))
        raw = np.asarray(self._bits.random_raw(-(-count // 8))).astype("<u8").view(np.uint8)[:count]
        return (raw.reshape(shape).astype(np.float32) - 127.5) / 127.5

    def _unit(self, n: int) -> NDArray[np.float64]:
        return np.asarray(self._bits.random_raw(n) >> np.uint64(11), np.float64) * 2.0**-53


class Scene:
    """A batch of images on which shapes are painted one over the other.

    Shapes stand in the thing's own coordinates: about -1 to 1, u to where it looks, v downwards.
    """

    def __init__(self, n: int, dice: Dice, above: Palette, below: Palette) -> None:
        self.n = n
        self.dice = dice
        middle = (IMAGE_SIZE - 1) / 2
        line = ((np.arange(IMAGE_SIZE) - middle) / (IMAGE_SIZE / 2)).astype(np.float32)
        self._x, self._y = line.reshape(1, 1, -1), line.reshape(1, -1, 1)
        self._pixels = np.empty((n, 3, IMAGE_SIZE, IMAGE_SIZE), np.float32)
        self._whole_image()
        self._background(above, below)

    def _whole_image(self) -> None:
        """Coordinates of the image instead of a thing's: -1 to 1 from side to side."""
        self._u: Floats = self._x
        self._v: Floats = self._y
        self._sharp: Floats = np.full((self.n, 1, 1), IMAGE_SIZE / 2, np.float32)

    def _background(self, above: Palette, below: Palette) -> None:
        dice, n = self.dice, self.n
        horizon = dice.number(n, -0.5, 0.9)
        top, bottom = dice.colour(n, above), dice.colour(n, below)
        self._pixels[:] = top + (self._y * dice.number(n, -25, 25))[:, None]
        self._paint(horizon - self._y + self._x * dice.number(n, -0.15, 0.15), bottom)
        # Unevenness: a coarse grid of random changes, interpolated to the size of the image.
        coarse = dice.noise((n, 3, 9, 9)) * dice.number(n, 4, 30)[:, None]
        at, share = np.divmod(np.arange(IMAGE_SIZE, dtype=np.float32) / 4, 1)
        i = at.astype(int)
        rows = coarse[:, :, i] * (1 - share)[:, None] + coarse[:, :, i + 1] * share[:, None]
        self._pixels += rows[..., i] * (1 - share) + rows[..., i + 1] * share
        for _ in range(3):
            x, y = dice.number(n, -1, 1), dice.number(n, -1, 1)
            width, height = dice.number(n, 0.05, 0.5), dice.number(n, 0.05, 0.5)
            colour = self.mixed(dice.colour(n, ROOM, 60), (top + bottom) / 2, 0.5)
            self.box(x, y, width, height, colour, opacity=dice.chance(n, 0.25))

    def place(self, *, scale: tuple[float, float] = (0.75, 1.1), turn: float = 14, shift: float = 0.2) -> None:
        """Where the thing is, how large, turned by up to `turn` degrees, and to which side it looks."""
        dice, n = self.dice, self.n
        size = dice.number(n, *scale)
        stretch = dice.number(n, 0.85, 1.18)
        angle = dice.number(n, -turn, turn).astype(np.float64) * (np.pi / 180)
        cosine, sine = np.cos(angle).astype(np.float32), np.sin(angle).astype(np.float32)
        x, y = self._x - dice.number(n, -shift, shift), self._y - dice.number(n, -shift, shift)
        self._u = (cosine * x + sine * y) * dice.sign(n) / (size * stretch)
        self._v = (cosine * y - sine * x) / size * stretch
        self._sharp = size * (IMAGE_SIZE / 2)

    def colour(self, palette: Palette, spread: float = 22) -> Floats:
        return self.dice.colour(self.n, palette, spread)

    def number(self, low: float, high: float) -> Floats:
        return self.dice.number(self.n, low, high)

    def chance(self, probability: float) -> Floats:
        return self.dice.chance(self.n, probability)

    @staticmethod
    def mixed(one: Floats, other: Floats | float, share: float) -> Floats:
        """Between two colours, or darker for an `other` of 0."""
        return one * (1 - share) + other * share

    def ellipse(
        self, u: Number, v: Number, width: Number, height: Number, colour: Floats, opacity: Floats | None = None
    ) -> None:
        """With its centre and its half axes."""
        a, b = (self._u - _f(u)) / _f(width), (self._v - _f(v)) / _f(height)
        self._paint((np.sqrt(a * a + b * b) - 1) * np.minimum(_f(width), _f(height)), colour, opacity)

    def box(
        self, u: Number, v: Number, width: Number, height: Number, colour: Floats, opacity: Floats | None = None
    ) -> None:
        """With its centre and half its width and height."""
        distance = np.maximum(np.abs(self._u - _f(u)) - _f(width), np.abs(self._v - _f(v)) - _f(height))
        self._paint(distance, colour, opacity)

    def limb(
        self,
        u: Number,
        v: Number,
        to_u: Number,
        to_v: Number,
        thickness: Number,
        colour: Floats,
        opacity: Floats | None = None,
    ) -> None:
        """A line with round ends."""
        along, down = _f(to_u) - _f(u), _f(to_v) - _f(v)
        a, b = self._u - _f(u), self._v - _f(v)
        part = np.clip((a * along + b * down) / (along * along + down * down + 1e-6), 0, 1)
        a, b = a - part * along, b - part * down
        self._paint(np.sqrt(a * a + b * b) - _f(thickness), colour, opacity)

    def polygon(self, corners: Sequence[tuple[Number, Number]], colour: Floats, opacity: Floats | None = None) -> None:
        """Convex; the corners go round either way."""
        sides = [
            (_f(u), _f(v), _f(to_u), _f(to_v)) for (u, v), (to_u, to_v) in itertools.pairwise([*corners, corners[0]])
        ]
        area = sum((u * to_v - to_u * v for u, v, to_u, to_v in sides), _f(0))
        distance: Floats | None = None
        for u, v, to_u, to_v in sides:
            along, down = to_u - u, to_v - v
            scale = np.sign(area) / np.sqrt(along * along + down * down)
            side = self._u * (down * scale) - self._v * (along * scale) + (v * along - u * down) * scale
            distance = side if distance is None else np.maximum(distance, side, out=distance)
        assert distance is not None
        self._paint(distance, colour, opacity)

    def _paint(self, distance: Floats, colour: Floats, opacity: Floats | None = None) -> None:
        """Cover where `distance` (in the thing's units, negative inside) says so, with soft edges a pixel wide."""
        cover = 0.5 - distance * self._sharp
        np.minimum(cover, 1, out=cover)
        np.maximum(cover, 0, out=cover)
        if opacity is None:
            change = colour - self._pixels
            change *= cover[:, None]
            self._pixels += change
        else:
            # Most of what is in some images only is in few of them.
            some = np.flatnonzero(opacity)
            change = colour[some] - self._pixels[some]
            change *= (cover[some] * opacity[some])[:, None]
            self._pixels[some] += change

    def finished(self) -> NDArray[np.uint8]:
        """What stands in front, light, haze and noise; shape (n, 32, 32, 3)."""
        dice, n = self.dice, self.n
        self._whole_image()
        x, lean = dice.number(n, -1, 1), dice.number(n, -0.4, 0.4)
        self.limb(x, -1.2, x + lean, 1.2, dice.number(n, 0.03, 0.12), dice.colour(n, FOREST), dice.chance(n, 0.15))
        x, y = dice.number(n, -1, 1), dice.number(n, 0.2, 1)
        size = dice.number(n, 0.1, 0.4)
        self.ellipse(x, y, size, size, dice.colour(n, (*GRASS, *ROOM)), dice.chance(n, 0.15))
        light = dice.number(n, 0.75, 1.2) + self._x * dice.number(n, -0.25, 0.25) + self._y * dice.number(n, -0.2, 0.2)
        pixels = self._pixels * light[:, None]
        haze = dice.number(n, 0, 0.25)[:, None]
        pixels += haze * (dice.colour(n, (*SKY, *ROOM, *DARK)) - pixels)
        noise = dice.noise(pixels.shape)
        pixels += noise * dice.number(n, 2, 15)[:, None]
        return np.clip(pixels, 0, 255).astype(np.uint8).transpose(0, 2, 3, 1)


def _f(value: Number) -> Floats:
    return np.asarray(value, np.float32)
