"""A widget cut into slices, so that a small change sends few columns to the terminal."""

from __future__ import annotations

from abc import abstractmethod
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Sequence

from textual.app import ComposeResult
from textual.geometry import Region
from textual.strip import Strip
from textual.widget import Widget

Part = tuple[int, int, int]
"""A row, and its columns from the second number to before the third."""

_SLICES = 12
"""About ten columns each in a terminal of usual width."""


class Slice(Widget):
    """One slice of a `Sliced` widget."""

    ALLOW_SELECT = False
    DEFAULT_CSS = "Slice { width: 1fr; height: 1fr; }"

    def __init__(self, row: Callable[[int], Strip]) -> None:
        super().__init__()
        self._row = row
        self._pieces: dict[int, Strip] = {}
        self._cut: object = None

    def render_lines(self, crop: Region) -> list[Strip]:
        """Return the rows without Textual's styling: a slice has no border and no padding.

        Textual also asks for the unchanged rows between two changed ones, so the pieces of rows are kept.
        """
        here, background = self.virtual_region.x, self.background_colors[1]
        filters = self.get_line_filters()
        cut = (here, crop.x, crop.right, background, *filters)
        if cut != self._cut:
            self._cut = cut
            self._pieces.clear()
        for y in crop.line_range:
            if y not in self._pieces:
                piece = self._row(y).crop(here + crop.x, here + crop.right)
                for line_filter in filters:
                    piece = piece.apply_filter(line_filter, background)
                self._pieces[y] = piece
        return [self._pieces[y] for y in crop.line_range]

    def repaint(self, parts: Sequence[Part]) -> None:
        here, stop = self.virtual_region.column_span
        regions = []
        for row, first, end in parts:
            self._pieces.pop(row, None)
            first, end = max(first, here), min(end, stop)
            if first < end:
                regions.append(Region(first - here, row, end - first, 1))
        if regions:  # without a region, Textual would repaint the whole slice
            self.refresh(*regions)

    def repaint_all(self) -> None:
        self._pieces.clear()
        self.refresh()


class Sliced(Widget):
    """A widget made of slices side by side.

    Textual sends a changed row from the left edge of its widget to the change. Curves and bars grow at their right end,
    so a single widget would send nearly the whole row each time.
    """

    ALLOW_SELECT = False
    DEFAULT_CSS = "Sliced { layout: horizontal; }"

    _slices: tuple[Slice, ...] = ()
    _ends: tuple[int, ...] = ()

    def compose(self) -> ComposeResult:
        self._slices = tuple(Slice(self.row) for _ in range(_SLICES))
        yield from self._slices

    @abstractmethod
    def row(self, y: int) -> Strip:
        """The row `y`, as wide as the content."""

    def repaint(self, parts: Iterable[Part]) -> None:
        """Paint `parts` again. Each slice is refreshed once: a refresh costs more than the painting."""
        ends = self._slice_ends()
        shared: dict[Slice, list[Part]] = {}
        for part in parts:
            _, first, end = part
            for each in self._slices[bisect_right(ends, first) : bisect_left(ends, end) + 1]:
                shared.setdefault(each, []).append(part)
        for each, its_parts in shared.items():
            each.repaint(its_parts)

    def _slice_ends(self) -> tuple[int, ...]:
        """The column after the last one of each slice. Kept, because `virtual_region` is slow."""
        last = self._slices[-1].virtual_region.right if self._slices else 0
        if not self._ends or self._ends[-1] != last:
            self._ends = tuple(part.virtual_region.right for part in self._slices)
        return self._ends

    def repaint_all(self) -> None:
        for part in self._slices:
            part.repaint_all()
