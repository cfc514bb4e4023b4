"""The nearest colours of the terminal's table, without NumPy: the first screen needs them."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Final

from rich.color import Color
from rich.color_triplet import ColorTriplet
from rich.style import Style

from tui.look.colours import Depth, table_colour

FIRST = 16
"""The first 16 of the 256 are the terminal's own colours, which differ; the others are the same everywhere."""

_LEVELS = (0, 95, 135, 175, 215, 255)

TABLE: tuple[tuple[int, int, int], ...] = (
    *((red, green, blue) for red in _LEVELS for green in _LEVELS for blue in _LEVELS),
    *((level, level, level) for level in range(8, 239, 10)),
)
"""Red, green and blue of the colours from number `FIRST` on: a cube, and greys."""


TERMINALS: Final = {
    "xterm": "000000 cd0000 00cd00 cdcd00 0000ee cd00cd 00cdcd e5e5e5"
    " 7f7f7f ff0000 00ff00 ffff00 5c5cff ff00ff 00ffff ffffff",
    "VGA": "000000 aa0000 00aa00 aa5500 0000aa aa00aa 00aaaa aaaaaa"
    " 555555 ff5555 55ff55 ffff55 5555ff ff55ff 55ffff ffffff",
    "Tango": "000000 cc0000 4e9a06 c4a000 3465a4 75507b 06989a d3d7cf"
    " 555753 ef2929 8ae234 fce94f 729fcf ad7fa8 34e2e2 eeeeec",
}
"""The 16 colours as xterm, the text mode of VGA and GNOME have them."""

MEAN_OF_16: tuple[tuple[int, int, int], ...] = tuple(
    (sum(c >> 16 for c in each) // 3, sum(c >> 8 & 255 for c in each) // 3, sum(c & 255 for c in each) // 3)
    for each in zip(*([int(colour, 16) for colour in table.split()] for table in TERMINALS.values()), strict=True)
)
"""Their mean: what to expect of a terminal whose colours are unknown."""

_RED, _YELLOW = 3.0, 2.0
"""How much more a tint counts than lightness: a grey that is too dark is better than one that is violet."""

_BLACK = 0.15
"""The lightness that counts as black in 16 colours. The surfaces of the app are as dark, and must not become grey."""


@lru_cache(maxsize=4096)
def in_table(style: Style, depth: Depth) -> Style:
    """Return `style` with the nearest colours of the terminal's table in place of its true colours."""
    if depth not in ("256", "16"):
        return style
    both = (style.color, style.bgcolor)
    return style + Style.from_color(*(_nearest(c.triplet, depth) if c and c.triplet else c for c in both))


@lru_cache(maxsize=4096)
def _nearest(colour: ColorTriplet, depth: Depth) -> Color:
    wanted, table = _oklab(*colour), _table(depth)
    distances = [sum((a - b) ** 2 for a, b in zip(wanted, known, strict=True)) for known in table]
    return table_colour(distances.index(min(distances)) + (FIRST if depth == "256" else 0))


@cache
def _table(depth: Depth) -> list[tuple[float, float, float]]:
    if depth == "256":
        return [_oklab(*colour) for colour in TABLE]
    black, *others = (_oklab(*colour) for colour in MEAN_OF_16)
    return [(_BLACK, *black[1:]), *others]


def _oklab(red: int, green: int, blue: int) -> tuple[float, float, float]:
    """As `tui.look.oklab.oklab`, for one colour, and with more weight on its tint."""
    r, g, b = (
        c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in (red / 255, green / 255, blue / 255)
    )
    cones = (
        (0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b) ** (1 / 3),
        (0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b) ** (1 / 3),
        (0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b) ** (1 / 3),
    )
    long, middle, short = cones
    return (
        0.2104542553 * long + 0.7936177850 * middle - 0.0040720468 * short,
        _RED * (1.9779984951 * long - 2.4285922050 * middle + 0.4505937099 * short),
        _YELLOW * (0.0259040371 * long + 0.7827717662 * middle - 0.8086757660 * short),
    )
