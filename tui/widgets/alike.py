"""Training images that are most like a picture, side by side, with the class of each below it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from textual.filter import LineFilter
from textual.strip import Strip
from textual.widget import Widget

from tui.look.cells import cropped
from tui.look.colours import depth_of, exact
from tui.look.pictures import Picture, pictures, reduced

SIDE = 16
"""Pixels on each side of an image, and cells of a row of it."""

_GAP = 2

_ROWS = SIDE // 2 + 1
"""Rows of an image with its caption. One is left free below it."""


class AlikePictures(Widget):
    """As many as fit, and none where there is no room for a whole one."""

    ALLOW_SELECT = False
    DEFAULT_CSS = f"""
    AlikePictures {{ height: 1fr; min-height: {_ROWS}; background: $background; color: $secondary; }}
    """

    def __init__(self) -> None:
        super().__init__()
        self._images: NDArray[np.uint8] = np.zeros((0, 32, 32, 3), np.uint8)
        self._captions: Sequence[str] = ()
        self._pictures: list[Picture] = []
        self._drawn: tuple[object, ...] = ()

    def show(self, images: NDArray[np.uint8], captions: Sequence[str]) -> None:
        """Show `images`, shape (k, 32, 32, 3), with a caption each."""
        self._images, self._captions = images, captions
        self.refresh()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def render_line(self, y: int) -> Strip:
        (width, height), ground = self.content_size, self.rich_style
        across = (width + _GAP) // (SIDE + _GAP)
        count = min(len(self._images), across * ((height + 1) // (_ROWS + 1)))
        row, y = divmod(y, _ROWS + 1)
        if not count or y == _ROWS:
            return Strip.blank(width, ground)
        wanted = (id(self._images), count, depth_of(self.app), self.app.current_theme.dark)
        if wanted != self._drawn:
            self._drawn = wanted
            self._pictures = pictures(
                reduced(self._images[:count], SIDE), depth_of(self.app), dark=self.app.current_theme.dark, ink=ground
            )
        cells: list[Segment] = []
        here = slice(row * across, (row + 1) * across)
        for picture, caption in zip(self._pictures[here], self._captions[here], strict=False):
            if y < len(picture):
                cells += picture[y]
            else:
                text = cropped(caption, SIDE)
                cells.append(Segment(text + " " * (SIDE - cell_len(text)), ground))
            cells.append(Segment(" " * _GAP, ground))
        return Strip(cells).adjust_cell_length(width, ground)
