"""An app without a terminal that keeps what it would have written to one."""

from __future__ import annotations

import re
from typing import Any

from textual._compositor import CompositorUpdate
from textual.app import App
from textual.screen import Screen

Cells = dict[tuple[int, int], str]
"""Characters by (row, column), counted from 0."""


class RecordingApp(App[None]):
    def __init__(self) -> None:
        super().__init__()
        self._sent = ""

    def _display(self, screen: Screen[Any], renderable: Any) -> None:
        if isinstance(renderable, CompositorUpdate):
            self._sent += renderable.render_segments(self.console)
        super()._display(screen, renderable)

    def cells_sent(self) -> Cells:
        """Return the cells written since the last call."""
        sent = {}
        for row, column, text in re.findall(r"\x1b\[(\d+);(\d+)H(.*?)(?=\n|\x1b\[\d+;\d+H|$)", self._sent):
            for place, glyph in enumerate(re.sub(r"\x1b\[[\d;]*m", "", text), start=int(column) - 1):
                sent[int(row) - 1, place] = glyph
        self._sent = ""
        return sent

    def cells(self) -> Cells:
        """Return all cells of the screen."""
        strips = self.screen._compositor.render_strips()
        return {(row, column): glyph for row, strip in enumerate(strips) for column, glyph in enumerate(strip.text)}
