"""Pictures in cells of a terminal: two pixels a cell, one above the other, as ▀ in two colours.

Half blocks are in every font, and a cell is about twice as high as wide, so the pixels are square. Protocols for real
pictures are not used: whether a terminal knows them is found out by asking it, and multiplexers garble them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, lru_cache
from itertools import groupby

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.segment import Segment
from rich.style import Style

from tui.look.colours import Depth, table_colour
from tui.look.nearest import FIRST, TABLE
from tui.look.oklab import oklab
from tui.look.sixteen import UPPER, mixed

Images = NDArray[np.uint8]
"""Shape (n, h, w, 3), h even: red, green and blue from 0 to 255."""

Picture = tuple[tuple[Segment, ...], ...]
"""h / 2 rows of w cells. Neighbours that look the same are one segment."""


_NO_STYLE = Style()


def reduced(images: Images, pixels: int) -> Images:
    """Return `images` with `pixels` on each side (even). Lanczos keeps edges that averaging would blur."""
    if images.shape[1:3] == (pixels, pixels):
        return images
    size, way = (pixels, pixels), Image.Resampling.LANCZOS
    return np.stack([np.asarray(Image.fromarray(image).resize(size, way)) for image in images])


def pictures(images: Images, depth: Depth, *, dark: bool, ink: Style = _NO_STYLE) -> list[Picture]:
    """Return `images` in cells of a terminal of this `depth`.

    `dark` (its background) and `ink` (the style of text) only matter without colours.

    With a table of colours, widgets must draw them through `tui.look.colours.exact`.
    """
    if not len(images):
        return []
    draw: Mapping[Depth, Callable[[Images], list[Picture]]] = {"true": _true, "256": _256, "16": _16}
    return draw[depth](images) if depth in draw else _glyphs(images, dark, ink)


# Half blocks

_TRUE = 1 << 24
"""Added to red, green and blue of 8 bits each, so that they differ from the number of a colour of a table."""


def _half_blocks(codes: NDArray[np.int32]) -> list[Picture]:
    """Return a picture for each image of `codes`, shape (n, h, w): numbers in a table, or `_TRUE` and a colour."""
    drawn = []
    for image in codes.tolist():
        rows = []
        for pair in zip(image[::2], image[1::2], strict=True):
            runs = ((cell, len(list(run))) for cell, run in groupby(zip(*pair, strict=True)))
            rows.append(tuple(_run(*cell, cells) for cell, cells in runs))
        drawn.append(tuple(rows))
    return drawn


def _run(upper: int, lower: int, cells: int) -> Segment:
    return Segment(" " * cells, _ground(lower)) if upper == lower else Segment(UPPER * cells, _style(upper, lower))


@lru_cache(maxsize=8192)
def _style(upper: int, lower: int) -> Style:
    return Style.from_color(_colour(upper), _colour(lower))


@lru_cache(maxsize=8192)
def _ground(code: int) -> Style:
    return Style.from_color(None, _colour(code))


@lru_cache(maxsize=8192)
def _colour(code: int) -> Color:
    if code < _TRUE:
        return table_colour(code)
    return Color.from_triplet(ColorTriplet(code >> 16 & 255, code >> 8 & 255, code & 255))


# True colour

_STEP = 8
"""Levels are rounded to multiples of this: then many colours return, and neither they nor their text is made anew."""

_ALIKE = 16
"""Two pixels of a cell that differ by no more in any channel are both drawn as their mean, which takes half as many
bytes. With both rules no pixel is more than 12 levels off, and a picture of 16×8 cells takes 3.9 kB in place of 5.1."""


def _true(images: Images) -> list[Picture]:
    levels = images.astype(np.int32)
    upper, lower = levels[:, ::2], levels[:, 1::2]
    alike = np.abs(upper - lower).max(axis=-1, keepdims=True) <= _ALIKE
    mean = (upper + lower) // 2
    shown = np.stack([np.where(alike, mean, upper), np.where(alike, mean, lower)], axis=2).reshape(levels.shape)
    rounded = np.minimum(255, (shown + _STEP // 2) // _STEP * _STEP)
    return _half_blocks(_TRUE | rounded[..., 0] << 16 | rounded[..., 1] << 8 | rounded[..., 2])


# A table of 256

_SPREAD = 0.5
"""The part of a pixel's error that its neighbours make up for. All of it would look grainy at this size."""

_NEIGHBOURS = ((0, 1, 7 / 16), (1, -1, 3 / 16), (1, 0, 5 / 16), (1, 1, 1 / 16))
"""Rows down, columns right, share of the error: Floyd and Steinberg, 1976."""


def _256(images: Images) -> list[Picture]:
    return _half_blocks(dithered(images))


def dithered(images: Images) -> NDArray[np.int32]:
    """Return the number of a colour of the table of 256 for each pixel, shape (n, h, w)."""
    table = _table_256()
    lengths = (table**2).sum(axis=1)
    wanted = oklab(images)
    numbers = np.empty(images.shape[:3], dtype=np.int32)
    height, width = images.shape[1:3]
    for y in range(height):
        for x in range(width):
            here = wanted[:, y, x]
            nearest = (lengths - 2 * here @ table.T).argmin(axis=1)
            numbers[:, y, x] = nearest + FIRST
            error = (here - table[nearest]) * _SPREAD
            for down, right, share in _NEIGHBOURS:
                if y + down < height and 0 <= x + right < width:
                    wanted[:, y + down, x + right] += share * error
    return numbers


@cache
def _table_256() -> NDArray[np.float32]:
    return oklab(np.array(TABLE, dtype=np.uint8))


# A table of 16


def _16(images: Images) -> list[Picture]:
    return [
        tuple(
            tuple(
                Segment(mixture.glyph * len(list(run)), _style(mixture.ink, mixture.ground))
                for mixture, run in groupby(row)
            )
            for row in image
        )
        for image in mixed(images)
    ]


# No colours

_SHAPES = {" ": (0.0, 0.0), "░": (0.25, 0.25), "▒": (0.5, 0.5), "▓": (0.75, 0.75), "█": (1.0, 1.0)} | {
    UPPER: (1.0, 0.0),
    "▄": (0.0, 1.0),
}
"""How much of the upper and the lower half a glyph fills."""


def _glyphs(images: Images, dark: bool, ink: Style) -> list[Picture]:
    """Draw with the text's own colour alone. A picture's darkest and brightest pixels become blank and full."""
    lightness = oklab(images)[..., 0]
    low, high = np.percentile(lightness, (2, 98), axis=(1, 2), keepdims=True)
    filled = np.clip((lightness - low) / np.maximum(high - low, 0.05), 0, 1)
    if not dark:
        filled = 1 - filled
    shapes = np.array(list(_SHAPES.values()), dtype=np.float32)
    halves = np.stack([filled[:, ::2], filled[:, 1::2]], axis=-1)
    nearest = ((halves[..., None, :] - shapes) ** 2).sum(axis=-1).argmin(axis=-1)
    glyphs = np.array(list(_SHAPES))[nearest]
    return [tuple((Segment("".join(row), ink),) for row in image) for image in glyphs]
