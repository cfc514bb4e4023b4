"""Pictures in a grid, with what each is and what it was taken for. One of them is under the cursor."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import ClassVar

from rich.segment import Segment
from rich.style import Style
from textual import events
from textual.binding import Binding, BindingType
from textual.filter import LineFilter
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip
from textual.widget import Widget

from tui.look.colours import depth_of, exact
from tui.look.pictures import Picture, pictures, reduced
from tui.widgets.tiles import Captions, Part, Tiles

KINDS = ("text", "dim", "right", "wrong", "cursor", "frame")
"""What is coloured in a way of its own."""

SMALL, LARGE = 16, 32
"""Pixels on each side of a picture, and the cells of a row."""

BESIDE = 4
"""Columns from one picture to the next: the two sides of the frame of each."""


@dataclass(frozen=True)
class Places:
    """Where the tiles of a page are."""

    side: int
    """Pixels on each side of a picture; 0 if there is a line of text for each image."""
    columns: int
    rows: int
    across: int
    """Columns of the screen from one tile to the next."""
    down: int
    """Rows of the screen from one tile to the next."""

    @classmethod
    def of(cls, size: Size, sides: Sequence[int]) -> Places:
        """Return the layout with the first of `sides` that has room for one picture, if any has."""
        width, height = size
        side = next((side for side in sides if width >= side + 2 and height >= side // 2 + 1), 0)
        if not side:
            return cls(0, 1, max(1, height), width, 1)
        lines = side // 2 + 1
        columns, rows = max(1, width // (side + BESIDE)), height // lines
        return cls(side, columns, rows, width // columns, min(lines + 2, height // rows))

    @property
    def per_page(self) -> int:
        return self.columns * self.rows

    @property
    def framed_above(self) -> bool:
        """Whether there is a free line over each picture, for the upper side of the frame."""
        return bool(self.side) and self.down > self.side // 2 + 1


class PictureGrid(Widget, can_focus=True):
    """One page of a gallery. Arrows and the mouse move the cursor, over the edges of the page too."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {f"picture-grid--{kind}" for kind in KINDS}
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
        self._ground = Style()
        self._inks: dict[str, Style] = {}
        """Styles of text, by the kind of its part."""
        self._laid_out_for: tuple[Size, tuple[int, ...]] = Size(0, 0), ()
        self._places = Places.of(*self._laid_out_for)
        self._captions = Captions(())

    # What is shown

    def show(self, tiles: Tiles, cursor: int = 0) -> None:
        """Show other images, with the cursor on the one at that position."""
        if self._tiles is None or self._tiles.names != tiles.names:
            self._captions = Captions(tiles.names)
        self._tiles = tiles
        self._drawn = ()
        self.set_reactive(PictureGrid.cursor, max(0, min(cursor, len(tiles) - 1)))
        self.refresh()
        self.post_message(self.Moved())

    @property
    def places(self) -> Places:
        """Where the tiles are, in the room there is."""
        tiles = self._tiles
        sides: tuple[int, ...] = (LARGE, SMALL) if self.large else (SMALL,)
        if tiles is None or (tiles.images is None and not tiles.loading):
            sides = ()
        wanted = (self.size, sides)
        if wanted != self._laid_out_for:
            self._laid_out_for = wanted
            self._places = Places.of(*wanted)
        return self._places

    @property
    def page(self) -> int:
        """The number of the page that is shown, counted from 0."""
        return self.cursor // self.places.per_page

    @property
    def pages(self) -> int:
        return -(-len(self._tiles) // self.places.per_page) if self._tiles else 0

    # Moving

    def watch_cursor(self, before: int, now: int) -> None:
        per_page = self.places.per_page
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
        to = self.cursor + down * self.places.columns
        last = len(self._tiles) - 1 if self._tiles else 0
        if to < 0 or (to > last and self.cursor // self.places.columns == last // self.places.columns):
            return self.cursor
        return to

    def action_page(self, by: int) -> None:
        if 0 <= self.page + by < self.pages:
            self._move_to(self.cursor + by * self.places.per_page)

    def action_end(self, direction: int) -> None:
        self._move_to(0 if direction < 0 else len(self._tiles or ()) - 1)

    def open(self) -> None:
        """Tell that the image under the cursor was chosen."""
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
        at = self.places
        column, row = event.x // at.across, event.y // at.down
        position = self.page * at.per_page + row * at.columns + column
        if self._tiles and column < at.columns and row < at.rows and position < len(self._tiles):
            if position == self.cursor:
                self.open()
            self._move_to(position)

    # Drawing

    def notify_style_update(self) -> None:
        self._drawn = ()  # the styles come some time after the name of a new theme
        super().notify_style_update()

    def get_line_filters(self) -> Sequence[LineFilter]:
        return exact(super().get_line_filters())

    def _region(self, place: int) -> Region:
        """The cells of the tile at that place of the page, with its frame."""
        at = self.places
        row, column = divmod(place, at.columns)
        return Region(column * at.across, row * at.down, at.across, at.side // 2 + 1 + at.framed_above)

    def _draw(self) -> None:
        """Draw the page that the cursor is on, if it is not drawn yet."""
        tiles, at, page = self._tiles, self.places, self.page
        assert tiles is not None
        depth, theme = depth_of(self.app), self.app.current_theme
        wanted = (tiles, page, at, depth, theme.name)
        if wanted == self._drawn:
            return
        self._drawn = wanted
        self._ground = ground = self.rich_style
        self._inks = {kind: self.get_component_rich_style(f"picture-grid--{kind}") for kind in KINDS}
        positions = range(page * at.per_page, min((page + 1) * at.per_page, len(tiles)))
        drawn: list[Picture] = [()] * len(positions)
        if at.side and tiles.images is not None:
            images = tiles.images[tiles.indices[positions.start : positions.stop]]
            drawn = pictures(reduced(images, at.side), depth, dark=theme.dark, ink=ground)
        self._page = [(each, picture, self._caption(each)) for each, picture in zip(positions, drawn, strict=True)]

    def _caption(self, position: int) -> list[Part]:
        tiles, at = self._tiles, self.places
        assert tiles is not None
        if at.side:
            return self._captions.under(tiles, position, at.side + 1)
        return self._captions.line(tiles, position, at.across)

    def render_line(self, y: int) -> Strip:
        if not self._tiles:
            return Strip.blank(self.size.width, self.rich_style)
        self._draw()
        at = self.places
        row, line = divmod(y, at.down)
        cells: list[Segment] = []
        tiles = self._page[row * at.columns : (row + 1) * at.columns] if row < at.rows else []
        for position, picture, caption in tiles:
            here = position == self.cursor
            if at.side:
                cells += self._line(at, picture, caption, line - at.framed_above, here)
            else:
                cells += self._text(caption, at.across, here)
        # Simplified: the blanks between pictures would be a fifth of the bytes that are sent.
        return Strip(cells).adjust_cell_length(self.size.width, self._ground).simplify()

    def _line(self, at: Places, picture: Picture, caption: list[Part], line: int, here: bool) -> list[Segment]:
        """Return one line of a tile; the frame above it has the number -1."""
        side, height, ground = at.side, at.side // 2, self._ground
        before = (at.across - side) // 2
        left, right = Segment(" " * (before - 1), ground), Segment(" " * (at.across - side - before - 1), ground)
        frame = self._inks["frame"]
        if line == height:
            return [left, *self._text(caption, side + 2, here), right]
        if 0 <= line < height:
            edge = Segment("█", frame) if here else Segment(" ", ground)
            return [left, edge, *(picture[line] if picture else (Segment(" " * side, ground),)), edge, right]
        top = Segment("▄" * (side + 2), frame) if here and line < 0 else Segment(" " * (side + 2), ground)
        return [left, top, right]

    def _text(self, caption: list[Part], cells: int, here: bool) -> list[Segment]:
        """Return a caption after a blank, in `cells` cells. Under the cursor it stands out."""
        ground = self._inks["cursor"] if here else self._ground
        parts = (Segment(text, ground if here else self._inks[kind]) for text, kind in caption)
        return list(Strip([Segment(" ", ground), *parts]).adjust_cell_length(cells, ground))
