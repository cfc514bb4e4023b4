"""How many colours a terminal has, and ramps that keep their order in each number of them."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import get_args

import numpy as np
import pytest
from rich.color import Color as TerminalColour
from rich.console import Console
from rich.segment import Segment
from textual.app import App, ComposeResult
from textual.color import Color
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget

from tui.look.colours import DEPTHS, Depth, Ramp, depth_of, detected, exact, glyph, ramp, table_colour
from tui.look.nearest import TERMINALS

SHARES = np.linspace(0.001, 1, 200).tolist()
RAMPS = [(name, dark) for name in get_args(Ramp) for dark in (True, False)]

TABLES = [table.split() for table in TERMINALS.values()]


@pytest.mark.parametrize(
    ("environ", "depth"),
    [
        ({"TERM": "xterm-256color"}, "256"),
        ({"TERM": "tmux-256color"}, "256"),
        ({"TERM": "xterm"}, "16"),
        ({"TERM": "linux"}, "16"),
        ({}, "16"),
        ({"TERM": "xterm-ghostty"}, "true"),
        ({"TERM": "xterm-kitty"}, "true"),
        ({"TERM": "foot-extra"}, "true"),
        ({"TERM": "alacritty"}, "true"),
        ({"TERM": "xterm-direct"}, "true"),
        ({"TERM": "xterm", "COLORTERM": "truecolor"}, "true"),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "standard"}, "16"),
        ({"TERM": "xterm-256color", "TEXTUAL_COLOR_SYSTEM": "auto"}, "256"),
        ({"COLORTERM": "truecolor", "NO_COLOR": "1"}, "none"),
        ({"COLORTERM": "truecolor", "NO_COLOR": ""}, "true"),  # https://no-color.org: only if it is not empty
    ],
)
def test_depth_from_the_environment(environ: Mapping[str, str], depth: Depth) -> None:
    """A modern terminal gets its colours over SSH too, where TERM is all that arrives."""
    assert detected(environ) == depth


def lightness(colour: TerminalColour | None, table: Sequence[str]) -> float:
    """Relative luminance in a terminal with these 16 colours; WCAG 2.2, "relative luminance"."""
    assert colour is not None
    if colour.number is not None and colour.number < 16:
        colour = Color.parse(f"#{table[colour.number]}").rich_color
    channels = [value / 255 for value in colour.get_truecolor()]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("table", TABLES, ids=TERMINALS)
@pytest.mark.parametrize("depth", [depth for depth in DEPTHS if depth != "none"])
@pytest.mark.parametrize(("name", "dark"), RAMPS)
def test_ramps_keep_their_order(name: Ramp, dark: bool, depth: Depth, table: Sequence[str]) -> None:
    """More of it is never drawn weaker, whatever the terminal can show: the eye finds the worst first."""
    shades = [lightness(ramp(name, share, depth, dark).bgcolor, table) for share in SHARES]
    steps = dict.fromkeys(shades)  # in order
    assert len(steps) >= 3
    assert all(a < b if dark else a > b for a, b in pairwise(steps))


@pytest.mark.parametrize("table", TABLES, ids=TERMINALS)
@pytest.mark.parametrize("depth", [depth for depth in DEPTHS if depth != "none"])
@pytest.mark.parametrize(("name", "dark"), RAMPS)
def test_numbers_can_be_read_on_every_shade(name: Ramp, dark: bool, depth: Depth, table: Sequence[str]) -> None:
    """The number on a shade can be read: a contrast of at least 3 to 1."""
    for share in SHARES:
        style = ramp(name, share, depth, dark)
        dim, bright = sorted((lightness(style.color, table), lightness(style.bgcolor, table)))
        assert (bright + 0.05) / (dim + 0.05) >= 3, (share, style)


def test_nothing_is_drawn_without_a_share_or_colours() -> None:
    """No mistake, no shade; without colours a ramp of characters says the same."""
    assert not ramp("wrong", 0.0, "true", True)
    assert not ramp("wrong", float("nan"), "256", True)
    assert not ramp("wrong", 1.0, "none", True)
    assert [glyph(share) for share in (0, 0.001, 0.3, 0.5, 0.7, 1)] == [" ", "·", "░", "▒", "▓", "█"]


class Shades(Widget):
    """One cell in each colour of the terminal's table."""

    def render_line(self, y: int) -> Strip:
        return Strip([Segment("x", ramp("right", 1, "16", True))] if y else [])

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())


class Shown(App[None]):
    def compose(self) -> ComposeResult:
        yield Shades()


@pytest.mark.parametrize(("system", "depth"), [("truecolor", "true"), ("256", "256"), ("standard", "16")])
async def test_colours_of_a_table_arrive_unchanged(system: str, depth: Depth) -> None:
    """A colour that was chosen from the terminal's table is the one it gets, not one that Rich finds similar."""
    app = Shown()
    async with app.run_test(size=(10, 3)):
        app.console = Console(color_system=system, file=io.StringIO(), force_terminal=True)  # type: ignore[arg-type]
        assert depth_of(app) == depth
        (segment, *_) = app.screen._compositor.render_strips()[1]
        assert segment.style is not None
        assert segment.style.bgcolor == table_colour(14)


async def test_no_color_is_no_colours(monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR is heeded."""
    monkeypatch.setenv("NO_COLOR", "1")
    app = Shown()
    async with app.run_test(size=(10, 3)):
        assert depth_of(app) == "none"
