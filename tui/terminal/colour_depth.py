"""The app draws with as many colours as the terminal has, or as a person says that it has."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from io import StringIO
from typing import Any, Final

from rich.console import Console
from rich.segment import Segment
from textual.app import App
from textual.color import Color
from textual.filter import LineFilter, Monochrome
from textual.widget import Widget

from tui.look.colours import Depth, detected_but_for_no_color
from tui.look.nearest import in_table

_SYSTEMS: Final[Mapping[Depth, Any]] = {"true": "truecolor", "256": "256", "16": "standard"}


_TABLES: Final[tuple[Depth, ...]] = ("256", "16")


class _Nearest(LineFilter):
    """Turns true colours into the nearest of the terminal's table, as the eye judges.

    Rich would judge otherwise: in 256 colours it makes dark surfaces black, and grey text violet. Lines keep the text
    that was made of them; a new filter makes them anew.
    """

    def __init__(self, depth: Depth) -> None:
        super().__init__()
        self._depth = depth

    def apply(self, segments: list[Segment], background: Color) -> list[Segment]:
        if self._depth not in _TABLES:
            return segments
        return [Segment(text, style and in_table(style, self._depth), control) for text, style, control in segments]


class ColourDepth(App[None]):
    """An app whose number of colours can be changed while it runs."""

    _nearest: LineFilter | None = None
    _used: Depth | None = None

    def get_line_filters(self) -> Sequence[LineFilter]:
        filters = [each for each in super().get_line_filters() if not isinstance(each, Monochrome)]
        if self.no_color:
            filters.append(Monochrome())
        return [*filters, self._nearest] if self._nearest else filters

    def use_colours(self, depth: Depth) -> None:
        """Draw with so many colours from now on. Without any, surfaces are greys, and pictures characters."""
        if depth == self._used:
            return
        self._used = depth
        self.no_color = depth == "none"
        # Textual makes its console once and has no way to change its colours, so it gets another like it.
        self.console = Console(
            color_system=_SYSTEMS[detected_but_for_no_color(os.environ) if depth == "none" else depth],
            file=StringIO(),
            force_terminal=True,
            highlight=False,
            emoji=False,
            legacy_windows=False,
            safe_box=False,
            soft_wrap=False,
            _environ={name: value for name, value in os.environ.items() if name != "NO_COLOR"},
        )
        if depth in _TABLES or self.is_running:
            self._nearest = _Nearest(depth)
        if self.is_running:
            for screen in self.screen_stack:
                for widget in screen.walk_children(Widget, with_self=True):
                    widget.refresh()
