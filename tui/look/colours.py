"""How many colours the terminal has, and ramps of colour that keep their order with each number of them.

A terminal is never asked: over a slow link the answer comes late, and some terminals never answer. What its environment
says may be wrong, so a person can correct it (see `tui.terminal.colour_depth`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any, Final, Literal, get_args

from rich.color import Color as TerminalColour
from rich.style import Style
from textual.app import App
from textual.color import Color
from textual.filter import ANSIToTruecolor, LineFilter

from tui.look.theme import DARK, LIGHT

Depth = Literal["true", "256", "16", "none"]
"""How many colours a terminal has: red, green and blue of 8 bits each, a table of 256, a table of 16, or none."""

DEPTHS: Final[tuple[Depth, ...]] = get_args(Depth)

Ramp = Literal["right", "wrong"]
"""Blue for what was recognised, orange for mistakes."""

_SYSTEMS: Mapping[str, Depth] = {"truecolor": "true", "256": "256", "standard": "16", "windows": "16"}
"""Depths by what Rich and `TEXTUAL_COLOR_SYSTEM` call them."""

_TRUE_COLOUR = ("alacritty", "contour", "foot", "ghostty", "iterm", "kitty", "rio", "wezterm")
"""Terminals that have true colour and name themselves in TERM, alone or as in `xterm-kitty`.

SSH passes TERM on, but not COLORTERM.
"""

_256: Mapping[tuple[Ramp, bool], tuple[int, ...]] = {
    ("right", True): (235, 237, 24, 31, 68, 75),
    ("wrong", True): (236, 239, 94, 130, 172, 214),
    ("right", False): (254, 153, 110, 67, 31, 25),
    ("wrong", False): (254, 187, 180, 173, 130),
}
"""Steps of each ramp on a dark (True) and a light background, by number in the table of 256.

Chosen along the ramp in true colour by distance in OKLab. The nearest colour of the table alone would be out of order:
it turns the weakest shades of blue into bright ones, and those of orange into olive.
"""

_16: Mapping[tuple[Ramp, bool], tuple[int, ...]] = {
    ("right", True): (4, 6, 14),
    ("wrong", True): (1, 3, 11),
    ("right", False): (14, 6, 4),
    ("wrong", False): (11, 3, 1),
}
"""The same in the table of 16. Terminals differ in their colours, but not in the order of these."""

_BRIGHT_OF_16 = (3, 6, 11, 14)
"""Those of `_16` on which black is easier to read than white."""

_GLYPHS = "·░▒▓█"


def detected(environ: Mapping[str, str]) -> Depth:
    """Return how many colours the terminal has, as far as the environment tells."""
    return "none" if environ.get("NO_COLOR") else detected_but_for_no_color(environ)


def detected_but_for_no_color(environ: Mapping[str, str]) -> Depth:
    """Return what `detected` would if `NO_COLOR` were not set."""
    if (depth := _SYSTEMS.get(environ.get("TEXTUAL_COLOR_SYSTEM", ""))) is not None:
        return depth
    if environ.get("COLORTERM", "").strip().lower() in ("truecolor", "24bit"):
        return "true"
    term = environ.get("TERM", "").strip().lower()
    if term.endswith("-direct") or term.removeprefix("xterm-").startswith(_TRUE_COLOUR):
        return "true"
    return "256" if "256" in term else "16"


def depth_of(app: App[Any]) -> Depth:
    """Return how many colours `app` draws with now."""
    return "none" if app.no_color else _SYSTEMS.get(app.console.color_system or "", "none")


def exact(filters: Sequence[LineFilter]) -> Sequence[LineFilter]:
    """Return the filters of a widget without the one that turns the colours of a table into true colour.

    Rich would turn them back, into others. A widget that draws ramps or pictures needs this:

        def get_line_filters(self) -> Sequence[LineFilter]:
            return exact(super().get_line_filters())
    """
    return [each for each in filters if not isinstance(each, ANSIToTruecolor)]


@lru_cache(maxsize=4096)
def ramp(name: Ramp, share: float, depth: Depth, dark: bool) -> Style:
    """Return the shade of a ramp for `share` from 0 (none of it) to 1, with an ink that is easy to read on it.

    The shade is the style's `bgcolor`, the ink its `color`. A larger share never gets a weaker shade. Without a share,
    or without colours, the style is empty: `glyph` shows a share without colours. Widgets draw colours of a table only
    if they leave out the filter that turns them into true colour: see `exact`.
    """
    if not share > 0 or depth == "none":  # nor if it is NaN
        return Style()
    share = min(1.0, share)
    if depth == "true":
        theme = DARK if dark else LIGHT
        ground, full = Color.parse(theme.background), Color.parse(theme.primary if name == "right" else theme.warning)
        shade = ground.blend(full, share)
        ink = shade.blend(shade.get_contrast_text(), 0.9)
        return Style(color=ink.rich_color, bgcolor=shade.rich_color)
    steps = (_256 if depth == "256" else _16)[name, dark]
    number = steps[min(len(steps) - 1, int(share * len(steps)))]
    shade = Color.from_rich_color(TerminalColour.from_ansi(number))
    bright = number in _BRIGHT_OF_16 if depth == "16" else shade.brightness > 0.45
    table_ink = (0, 15) if depth == "16" else (16, 255)
    return Style(color=table_colour(table_ink[not bright]), bgcolor=table_colour(number))


def glyph(share: float) -> str:
    """Return a character that is the darker, the larger `share` from 0 to 1 is; a blank only for none."""
    return _GLYPHS[min(len(_GLYPHS) - 1, int(share * len(_GLYPHS)))] if share > 0 else " "


@lru_cache(maxsize=256)
def table_colour(number: int) -> TerminalColour:
    """Return the colour with this number (0 to 255) in the terminal's table; up to 15 in the table of 16 as well."""
    return TerminalColour.from_ansi(number)
