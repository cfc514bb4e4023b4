"""One picture as large as fits, and over it where the network looks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from rich.segment import Segment
from textual.filter import LineFilter
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.look.colours import depth_of, exact
from tui.look.pictures import Picture, pictures, reduced

SIDES = (64, 32, 16)
"""Pixels on each side, and cells of a row: the largest that fits is taken."""

_LEAST_LOSS = 0.02
"""The probability lost from which a place is lit as brightly as it can be. Below it, the whole map is faint."""

_UNLIT = 0.4
"""How bright the places are that do not matter, in grey: enough to see what they show."""


def lit(image: NDArray[np.uint8], lost: NDArray[np.float32]) -> NDArray[np.uint8]:
    """Return `image`, shape (h, w, 3), in colour where hiding it loses probability, and dark and grey elsewhere.

    `lost` is the probability lost by hiding each part of the image, shape (rows, columns); negative where it rose.
    """
    height, width = image.shape[:2]
    shares = np.clip(lost / max(float(lost.max(initial=0)), _LEAST_LOSS), 0, 1).astype(np.float32)
    spread = Image.fromarray(shares).resize((width, height), Image.Resampling.BICUBIC)
    light = np.clip(np.asarray(spread), 0, 1)[..., None]
    grey = _UNLIT * image.mean(axis=-1, keepdims=True)
    shown: NDArray[np.uint8] = (grey + (image - grey) * light).astype(np.uint8)
    return shown


class FullPicture(Widget):
    """One picture at the upper edge of the widget."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    FullPicture { background: $background; }
    """

    image: reactive[NDArray[np.uint8] | None] = reactive(None, always_update=True)
    """Shape (32, 32, 3)."""
    lost: reactive[NDArray[np.float32] | None] = reactive(None, always_update=True)
    """The probability lost where each part is hidden, shape (8, 8), to be laid over the picture."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._picture: Picture = ()
        self._drawn: tuple[object, ...] = ()

    @property
    def side(self) -> int:
        """Cells of a row of the picture; 0 if none fits."""
        width, height = self.content_size
        return next((side for side in SIDES if width >= side and height >= side // 2), 0)

    def notify_style_update(self) -> None:
        self._drawn = ()  # the styles come some time after the name of a new theme
        super().notify_style_update()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def render_line(self, y: int) -> Strip:
        width, ground = self.content_size.width, self.rich_style
        image, side = self.image, self.side
        if image is None or not side:
            return Strip.blank(width, ground)
        wanted = (id(image), id(self.lost), side, depth_of(self.app), self.app.current_theme.dark)
        if wanted != self._drawn:
            self._drawn = wanted
            shown = image if self.lost is None else lit(image, self.lost)
            (self._picture,) = pictures(
                reduced(shown[None], side), depth_of(self.app), dark=self.app.current_theme.dark, ink=ground
            )
        if y >= len(self._picture):
            return Strip.blank(width, ground)
        before = Segment(" " * ((width - side) // 2), ground)
        return Strip([before, *self._picture[y]]).adjust_cell_length(width, ground)
