"""The filters of a network's first layer as patches of colour, at the start of the run and now."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.segment import Segment
from textual import events
from textual.content import Content
from textual.filter import LineFilter
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.strip import Strip

from tui.look.colours import depth_of, exact
from tui.look.pictures import pictures

LEAST_PIXELS = 6
"""Pixels on a side of a patch at least: three rows of cells."""

_ARROW, _GAP = " → ", "   "


class FilterPatches(ScrollView, can_focus=True):
    """A patch of colour a filter: grey where its weight is 0, brighter where it adds, darker where it subtracts.

    Where the layer learns, its start stands before it, in the same scale, and below both how far the filter has moved,
    in percent of its length at the start.
    """

    DEFAULT_CSS = """
    FilterPatches {
        padding: 0 1;
        background: $background;
        scrollbar-size: 1 1;
        border: round $border;
        border-title-color: $text-muted;
        border-subtitle-color: $text-muted;
        &:focus { border: round $primary; }
    }
    """

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._now: NDArray[np.float32] | None = None
        self._start: NDArray[np.float32] | None = None
        self._told = ""
        self._lines: list[list[Segment]] = []
        self.border_title = "what the first layer looks for"

    def show(self, now: NDArray[np.float32], start: NDArray[np.float32]) -> None:
        """Show filters of shape (n, h, w, 3) as they are now and as they were at the start of the run."""
        n, height, width, _ = now.shape
        self._now, self._start = now, None if np.array_equal(now, start) else start
        what = f"{n} filters of {height}×{width}"
        moved = np.linalg.norm(now - start) / max(float(np.linalg.norm(start)), 1e-12)
        how = f"at the start → now, moved by {100 * moved:.0f} %" if self._start is not None else "they do not learn"
        self.border_subtitle = Content(f"{what}, {how}")
        self._lay_out()

    def tell(self, text: str) -> None:
        """Say why there are none, or that they are being read."""
        self._now, self._told = None, text
        self.border_subtitle = None
        self._lay_out()

    def on_resize(self, event: events.Resize) -> None:
        self._lay_out()

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self.call_later(self._lay_out)

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def render_line(self, y: int) -> Strip:
        width, row = self.scrollable_content_region.width, y + self.scroll_offset.y
        line = self._lines[row] if row < len(self._lines) else []
        styled = [Segment(each.text, self.rich_style + each.style) for each in line]
        return Strip(styled).adjust_cell_length(width, self.rich_style)

    def _lay_out(self) -> None:
        self._lines = [] if self._now is None else self._drawn(self._now, self._start)
        if self._now is None and self._told:
            room = max(1, self.size.width)
            wrapped = Content(self._told).wrap(room) if self.size.width else []
            self._lines = [[Segment(line.plain)] for line in wrapped]
        self.virtual_size = Size(0, len(self._lines))
        self.refresh()

    def _drawn(self, now: NDArray[np.float32], start: NDArray[np.float32] | None) -> list[list[Segment]]:
        """The rows of cells: patches side by side, below them their numbers."""
        both = [now] if start is None else [start, now]
        strongest = np.abs(np.stack(both)).max(axis=(0, 2, 3, 4), keepdims=True)[0]
        drawn = [
            pictures(patches(each / np.maximum(strongest, 1e-12)), depth_of(self.app), dark=self.app.current_theme.dark)
            for each in both
        ]
        labels = [f"{i + 1}" for i in range(len(now))]
        if start is not None:
            lengths = np.linalg.norm(start.reshape(len(start), -1), axis=1)
            moved = np.linalg.norm((now - start).reshape(len(now), -1), axis=1) / np.maximum(lengths, 1e-12)
            labels = [f"{label}  moved {100 * share:.0f} %" for label, share in zip(labels, moved, strict=True)]
        items = list(zip(*drawn, strict=True))
        rows = len(items[0][0])
        cells = sum(Segment.get_line_length(list(picture[0])) for picture in items[0]) + len(_ARROW) * (len(both) - 1)
        across = max(1, (self.size.width + len(_GAP)) // (cells + len(_GAP)))
        lines: list[list[Segment]] = []
        for first in range(0, len(items), across):
            here = items[first : first + across]
            for row in range(rows):
                arrow = _ARROW if row == rows // 2 else " " * len(_ARROW)
                line: list[Segment] = []
                for item in here:
                    line.append(Segment(_GAP)) if line else None
                    for place, picture in enumerate(item):
                        line += [Segment(arrow), *picture[row]] if place else picture[row]
                lines.append(line)
            lines.append([Segment(_GAP.join(label.ljust(cells) for label in labels[first : first + across]))])
        return lines


def patches(filters: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return filters from -1 to 1, shape (n, h, w, 3), as images with an even height; 0 becomes grey."""
    size = max(filters.shape[1:3])
    scale = max(1, -(-LEAST_PIXELS // size))
    scale += scale * filters.shape[1] % 2
    levels = np.round(127.5 + 127.5 * filters).clip(0, 255).astype(np.uint8)
    return levels.repeat(scale, axis=1).repeat(scale, axis=2)
