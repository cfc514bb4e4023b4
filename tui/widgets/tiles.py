"""The images of a gallery as plain data, and what stands under each of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from rich.cells import cell_len

from engine.text import clean
from tui.look.cells import begun, shortened

_ARROW = "→"

Part = tuple[str, str]
"""A text and its kind, which says how it is coloured."""


_MOST_NAME_CELLS = 24


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


class Captions:
    """Writes what stands under the images. Class names that do not fit are shortened so that they stay different."""

    def __init__(self, names: Sequence[str]) -> None:
        self._names = [clean(name) for name in names]
        self._short: dict[int, list[str]] = {}
        """Class names, by the cells that they fit into."""

    def under(self, tiles: Tiles, at: int, cells: int) -> list[Part]:
        """Return what the image at that position is, what it was taken for, and how surely: in `cells` cells."""
        true, taken, share = int(tiles.true[at]), int(tiles.taken[at]), 100 * float(tiles.shares[at])
        if true == taken:
            sure = percent(share)
            names = [(self._short_name(true, cells - len(sure) - 1), "right")]
        else:
            # Whole names are worth more than a decimal.
            extra = 1 + len(_ARROW) + tiles.doubted
            wide = cell_len(self._names[true]) + cell_len(self._names[taken])
            sure = percent(share) if wide + extra + len(percent(share)) <= cells else percent(share, decimals=0)
            one, other = self._both(true, taken, cells - extra - len(sure))
            names = [(one, "text"), (_ARROW, "dim"), (other + "?" * tiles.doubted, "wrong")]
        gap = cells - sum(cell_len(text) for text, _ in names) - len(sure)
        return [*names, (" " * gap + sure, "dim")]

    def line(self, tiles: Tiles, at: int, cells: int) -> list[Part]:
        """Return the line about an image that is not shown as a picture; the name of the image comes last."""
        true, taken, share = int(tiles.true[at]), int(tiles.taken[at]), 100 * float(tiles.shares[at])
        room = min(_MOST_NAME_CELLS, max(4, (cells - 32) // 3), max(map(cell_len, self._names)))
        one, other = self._short_name(true, room), self._short_name(taken, room) + "?" * tiles.doubted
        return [
            (one + " " * (room - cell_len(one)), "text"),
            (" → " if true != taken else "   ", "dim"),
            (other + " " * (room + 1 - cell_len(other)), "right" if true == taken else "wrong"),
            (f"{percent(share):>7}  ", "text"),
            (clean(tiles.files[int(tiles.indices[at])]), "dim"),
        ]

    def _both(self, true: int, taken: int, cells: int) -> tuple[str, str]:
        """Return two class names that take at most `cells` cells together: whole if they fit."""
        one, other = cell_len(self._names[true]), cell_len(self._names[taken])
        first = min(one, max(cells // 2, cells - other))
        return self._short_name(true, first), self._short_name(taken, cells - first)

    def _short_name(self, index: int, cells: int) -> str:
        """Return a class name in at most `cells` cells: its beginning if that tells the classes apart."""
        if cells not in self._short:
            begins = [begun(name, cells) for name in self._names]
            alike = len(set(begins)) < len(set(self._names))
            self._short[cells] = shortened(self._names, cells) if alike else begins
        return self._short[cells][index]


def percent(share: float, decimals: int = 1) -> str:
    """Return `99.8 %`, or `99 %` without decimals; never 100 for a mistake that was not quite certain."""
    rounded = round(share, decimals)
    if rounded >= 100:
        return "100 %" if share >= 99.95 else "99 %"
    return f"{rounded:.{decimals}f} %"
