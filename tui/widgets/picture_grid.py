"""Pictures in a grid, with what each is and what it was taken for. One of them is under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len
from rich.segment import Segment
from textual import events
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.geometry import Region
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from engine.text import clean
from tui.look.cells import begun, shortened
from tui.look.colours import depth_of, exact
from tui.look.pictures import Picture, pictures, reduced

SMALL, LARGE = 16, 32
"""Pixels on each side of a picture, and the cells of a row."""

BESIDE = 4
"""Columns from one picture to the next: the two sides of the frame of each."""

_ARROW = "→"

Part = tuple[str, str]
"""A text and the component class of its colour."""


@dataclass(frozen=True, eq=False)
class Tiles:
    """m images to be shown, in order, of the n that were evaluated."""

    names: tuple[str, ...]
    """Of the classes."""
    indices: NDArray[np.int64]
    """Which of the n, shape (m,)."""
    true: NDArray[np.int64]
    """The class index of each, shape (m,)."""
    taken: NDArray[np.int64]
    """What it was taken for, shape (m,)."""
    shares: NDArray[np.float32]
    """The probability of that, shape (m,)."""
    files: Sequence[str]
    """What each of the n images is called."""
    images: NDArray[np.uint8] | None = None
    """Shape (n, 32, 32, 3). Without them there is a line of text for each image."""
    loading: bool = False
    """Whether the images are still to come: their places are kept free."""
    doubted: bool = False
    """Whether it is the label that is in doubt."""

    def __len__(self) -> int:
        return len(self.indices)


class PictureGrid(Widget, can_focus=True):
    """One page of a gallery. Arrows and the mouse move the cursor, over the edges of the page too."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {
        "picture-grid--text",
        "picture-grid--dim",
        "picture-grid--right",
        "picture-grid--wrong",
        "picture-grid--cursor",
        "picture-grid--frame",
    }
    DEFAULT_CSS = """
    PictureGrid {
        height: 1fr;
        background: $background;
        & > .picture-grid--text { color: $foreground; }
        & > .picture-grid--dim { color: $secondary; }
        & > .picture-grid--right { color: $primary; }
        & > .picture-grid--wrong { color: $warning; }
        & > .picture-grid--cursor { color: $background; background: $primary; text-style: bold; }
        & > .picture-grid--frame { color: $primary; }
    }
    """
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("left", "move(-1, 0)", "Left", show=False),
        Binding("right", "move(1, 0)", "Right", show=False),
        Binding("up", "move(0, -1)", "Up", show=False),
        Binding("down", "move(0, 1)", "Down", show=False),
        Binding("pageup", "page(-1)", "Previous page", show=False),
        Binding("pagedown,space", "page(1)", "Next page", show=False),
        Binding("home", "end(-1)", "First image", show=False),
        Binding("end", "end(1)", "Last image", show=False),
        Binding("enter", "open", "Image", tooltip="One image: what the network makes of it, and where it looks"),
    ]

    cursor: reactive[int] = reactive(0, repaint=False)
    """The position of the image under the cursor."""
    large: reactive[bool] = reactive(False)
    """Whether pictures have all their pixels."""

    class Moved(Message):
        """Another image is under the cursor, or on another page, or others are shown."""

    class Opened(Message):
        """The image under the cursor was chosen."""

    def __init__(self, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._tiles: Tiles | None = None
        self._page: list[tuple[int, Picture, list[Part]]] = []
        """Position, picture and caption of each image of the page that is drawn."""
        self._drawn: tuple[object, ...] = ()
        """What `_page` was drawn for."""
        self._short: dict[int, list[str]] = {}
        """Class names, by the cells that they fit into."""

    # What is shown

    def show(self, tiles: Tiles, cursor: int = 0) -> None:
        """Show other images, with the cursor on the one at that position."""
        if self._tiles is None or self._tiles.names != tiles.names:
            self._short = {}
        self._tiles = tiles
        self._drawn = ()
        self.set_reactive(PictureGrid.cursor, max(0, min(cursor, len(tiles) - 1)))
        self.refresh()
        self.post_message(self.Moved())

    @property
    def _side(self) -> int:
        """Pixels on each side of a picture; 0 if there is a line of text for each image."""
        tiles = self._tiles
        if tiles is None or (tiles.images is None and not tiles.loading):
            return 0
        for side in (LARGE, SMALL) if self.large else (SMALL,):
            if self.size.width >= side + 2 and self.size.height >= side // 2 + 1:
                return side
        return 0

    @property
    def columns(self) -> int:
        return max(1, self.size.width // (self._side + BESIDE)) if self._side else 1

    @property
    def rows(self) -> int:
        return max(1, self.size.height // (self._side // 2 + 1))

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    @property
    def page(self) -> int:
        """The number of the page that is shown, counted from 0."""
        return self.cursor // self.per_page

    @property
    def pages(self) -> int:
        return -(-len(self._tiles) // self.per_page) if self._tiles else 0

    def _pitch(self) -> tuple[int, int]:
        """Columns and rows from one tile to the next."""
        lines = self._side // 2 + 1
        if not self._side:
            return self.size.width, 1
        return max(self._side + 2, self.size.width // self.columns), max(
            lines, min(lines + 2, self.size.height // self.rows)
        )

    # Moving

    def watch_cursor(self, before: int, now: int) -> None:
        per_page = self.per_page
        if before // per_page != now // per_page:
            self.refresh()
        else:
            self.refresh(*(self._region(at % per_page) for at in (before, now)))
        self.post_message(self.Moved())

    def watch_large(self) -> None:
        self.post_message(self.Moved())

    def on_resize(self) -> None:
        self.post_message(self.Moved())

    def _move_to(self, position: int) -> None:
        if self._tiles:
            self.cursor = max(0, min(position, len(self._tiles) - 1))

    def action_move(self, right: int, down: int) -> None:
        self._move_to(self.cursor + right if right else self._below(down))

    def _below(self, down: int) -> int:
        """The position under or over the cursor. From the last row of a page it is in the first of the next."""
        to = self.cursor + down * self.columns
        last = len(self._tiles) - 1 if self._tiles else 0
        if to < 0 or (to > last and self.cursor // self.columns == last // self.columns):
            return self.cursor
        return to

    def action_page(self, by: int) -> None:
        if 0 <= self.page + by < self.pages:
            self._move_to(self.cursor + by * self.per_page)

    def action_end(self, direction: int) -> None:
        self._move_to(0 if direction < 0 else len(self._tiles or ()) - 1)

    def action_open(self) -> None:
        if self._tiles:
            self.post_message(self.Opened())

    def on_mouse_scroll_down(self, event: events.MouseScrollDown) -> None:
        event.stop()
        self.action_page(1)

    def on_mouse_scroll_up(self, event: events.MouseScrollUp) -> None:
        event.stop()
        self.action_page(-1)

    def on_click(self, event: events.Click) -> None:
        """Move the cursor to a picture; a click on the one under the cursor opens it."""
        across, down = self._pitch()
        column, row = event.x // across, event.y // down
        position = self.page * self.per_page + row * self.columns + column
        if self._tiles and column < self.columns and row < self.rows and position < len(self._tiles):
            if position == self.cursor:
                self.action_open()
            self._move_to(position)

    # Drawing

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def _region(self, place: int) -> Region:
        """The cells of the tile at that place of the page, with its frame."""
        across, down = self._pitch()
        row, column = divmod(place, self.columns)
        above = 1 if self._framed_above else 0
        return Region(column * across, row * down, across, self._side // 2 + 1 + above)

    @property
    def _framed_above(self) -> bool:
        """Whether there is a free line over each picture, for the upper side of the frame."""
        return bool(self._side) and self._pitch()[1] > self._side // 2 + 1

    def _draw(self) -> None:
        """Draw the page that the cursor is on, if it is not drawn yet."""
        tiles = self._tiles
        assert tiles is not None
        depth, dark = depth_of(self.app), self.app.current_theme.dark
        wanted = (tiles, self.page, self.per_page, self._side, self.size.width, depth, dark)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        first = self.page * self.per_page
        positions = range(first, min(first + self.per_page, len(tiles)))
        drawn: list[Picture] = [()] * len(positions)
        if self._side and tiles.images is not None:
            images = tiles.images[tiles.indices[positions.start : positions.stop]]
            drawn = pictures(reduced(images, self._side), depth, dark=dark, ink=self.rich_style)
        self._page = [(at, picture, self._caption(at)) for at, picture in zip(positions, drawn, strict=True)]

    def render_line(self, y: int) -> Strip:
        width, ground = self.size.width, self.rich_style
        if not self._tiles:
            return Strip.blank(width, ground)
        self._draw()
        across, down = self._pitch()
        row, line = divmod(y, down)
        cells: list[Segment] = []
        tiles = self._page[row * self.columns : (row + 1) * self.columns] if row < self.rows else []
        for at, picture, caption in tiles:
            if self._side:
                cells += self._line(at, picture, caption, line - self._framed_above, across)
            else:
                cells += self._text(caption, width, at == self.cursor)
        return Strip(cells).adjust_cell_length(width, ground)

    def _line(self, at: int, picture: Picture, caption: list[Part], line: int, across: int) -> list[Segment]:
        """Return one line of a tile, `across` cells wide: the frame above it has the number -1."""
        side, height, here, ground = self._side, self._side // 2, at == self.cursor, self.rich_style
        before = (across - side) // 2
        left, right = Segment(" " * (before - 1), ground), Segment(" " * (across - side - before - 1), ground)
        frame = self.get_component_rich_style("picture-grid--frame")
        if line == height:
            return [left, *self._text(caption, side + 2, here), right]
        if 0 <= line < height:
            edge = Segment("█", frame) if here else Segment(" ", ground)
            return [left, edge, *(picture[line] if picture else (Segment(" " * side, ground),)), edge, right]
        top = Segment("▄" * (side + 2), frame) if here and line < 0 else Segment(" " * (side + 2), ground)
        return [left, top, right]

    def _text(self, caption: list[Part], cells: int, here: bool) -> list[Segment]:
        """Return a caption after a blank, in `cells` cells. Under the cursor it stands out."""
        if here:
            cursor = self.get_component_rich_style("picture-grid--cursor")
            parts = [Segment(text, cursor) for text, _ in caption]
        else:
            cursor = self.rich_style
            parts = [Segment(text, self.get_component_rich_style(f"picture-grid--{kind}")) for text, kind in caption]
        return list(Strip([Segment(" ", cursor), *parts]).adjust_cell_length(cells, cursor))

    def _caption(self, at: int) -> list[Part]:
        """Return what an image is, what it was taken for, and how surely."""
        tiles = self._tiles
        assert tiles is not None
        true, taken, share = int(tiles.true[at]), int(tiles.taken[at]), 100 * float(tiles.shares[at])
        if not self._side:
            return self._listed(at, true, taken, percent(share))
        room = self._side + 1
        if true == taken:
            sure = percent(share)
            names = [(self._class_name(true, room - len(sure) - 1), "right")]
        else:
            # Whole names are worth more than a decimal.
            extra = 1 + len(_ARROW) + tiles.doubted
            wide = cell_len(clean(tiles.names[true])) + cell_len(clean(tiles.names[taken]))
            sure = percent(share) if wide + extra + len(percent(share)) <= room else percent(share, decimals=0)
            one, other = self._both(true, taken, room - extra - len(sure))
            names = [(one, "text"), (_ARROW, "dim"), (other + "?" * tiles.doubted, "wrong")]
        gap = room - sum(cell_len(text) for text, _ in names) - len(sure)
        return [*names, (" " * gap + sure, "dim")]

    def _listed(self, at: int, true: int, taken: int, sure: str) -> list[Part]:
        """Return the line about an image that is not shown as a picture."""
        tiles = self._tiles
        assert tiles is not None
        cells = min(24, max(4, (self.size.width - 32) // 3))
        one, other = self._class_name(true, cells), self._class_name(taken, cells)
        doubt = "?" * tiles.doubted
        return [
            (one.ljust(cells - (cell_len(one) - len(one))), "text"),
            (" → " if true != taken else "   ", "dim"),
            ((other + doubt).ljust(cells + 1), "right" if true == taken else "wrong"),
            (f"{sure:>7}  ", "text"),
            (clean(tiles.files[int(tiles.indices[at])]), "dim"),
        ]

    def _both(self, true: int, taken: int, cells: int) -> tuple[str, str]:
        """Return two class names that take at most `cells` cells together: whole if they fit."""
        tiles = self._tiles
        assert tiles is not None
        one, other = (cell_len(clean(tiles.names[index])) for index in (true, taken))
        half = cells // 2
        first = min(one, max(half, cells - other))
        return self._class_name(true, first), self._class_name(taken, cells - first)

    def _class_name(self, index: int, cells: int) -> str:
        """Return a class name in at most `cells` cells: its beginning if that tells the classes apart."""
        assert self._tiles is not None
        if cells not in self._short:
            names = [clean(name) for name in self._tiles.names]
            begins = [begun(name, cells) for name in names]
            self._short[cells] = begins if len(set(begins)) == len(set(names)) else shortened(names, cells)
        return self._short[cells][index]


def percent(share: float, decimals: int = 1) -> str:
    """Return `99.8 %`, or `99 %` without decimals; never 100 for a mistake that was not quite certain."""
    rounded = round(share, decimals)
    if rounded >= 100:
        return "100 %" if share >= 99.95 else "99 %"
    return f"{rounded:.{decimals}f} %"
