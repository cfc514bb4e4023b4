"""The rows and columns of a table of runs, and which columns fit beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from tui.look.run_cells import LEAST, fitting

GAP = 2
"""Blanks between two columns."""

SIGNS = 3
"""Cells before the first column: two signs and a blank."""

LONGEST = 24
"""Cells of a text that can be cut, where not all columns fit anyway."""


@dataclass(frozen=True)
class Heading:
    """The heading of a column."""

    name: str
    """What `Sort` tells."""
    label: str
    right: bool
    """Whether its cells end at its right edge, as numbers do."""
    can_be_cut: bool


@dataclass(frozen=True)
class Row:
    """A row."""

    key: str
    cells: tuple[str, ...]
    """Cleaned texts, one a column."""
    marked: bool = False
    pinned: bool = False
    kind: Literal["plain", "live", "bad"] = "plain"


def arranged(headings: Sequence[Heading], widths: Sequence[int], first: int, room: int) -> tuple[int, dict[int, int]]:
    """Return which columns are shown in so much room, with the cells of each.

    `widths` is what each column needs. Where not all fit, the one that stays is followed by those from `first` on; that
    number comes back as well, 1 if all fit.
    """
    can_be_cut = [heading.can_be_cut for heading in headings]
    cells = fitting(can_be_cut, widths, room, GAP)
    if sum(cells) + GAP * (len(cells) - 1) <= room:
        return 1, dict(enumerate(cells))
    cells = [min(width, LONGEST) if can else width for width, can in zip(widths, can_be_cut, strict=True)]
    first = min(first, len(cells) - 1)
    shown = {0: min(cells[0], max(LEAST, room))}
    left = room - shown[0]
    for i in range(first, len(cells)):
        width = min(cells[i], left - GAP) if can_be_cut[i] else cells[i]
        if width > left - GAP or width < min(cells[i], LEAST):
            break
        shown[i] = width
        left -= width + GAP
    return first, shown
