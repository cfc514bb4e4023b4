"""Text measured in the cells of a terminal, where a letter takes one and a CJK character or an emoji two."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size

from engine.text import clean


def cropped(text: object, cells: int) -> str:
    """`text` from outside, cleaned, in at most `cells` cells.

    An ellipsis stands for what was cut out before the last third: names that begin alike often end differently.
    """
    plain = clean(text)
    if cell_len(plain) <= cells:
        return plain
    if cells < 1:
        return ""
    tail = plain
    while cell_len(tail) > (cells - 1) // 3:
        tail = tail[1:]
    return f"{begun(plain, cells - 1 - cell_len(tail))}…{tail}"


def begun(text: str, cells: int) -> str:
    """As much of the beginning of `text` as `cells` cells hold, without an ellipsis."""
    return text if cell_len(text) <= cells else set_cell_size(text, max(0, cells)).rstrip()


def bar(share: float, cells: int) -> str:
    """A bar of `share` (0 to 1) of `cells` cells, drawn to an eighth of a cell and filled up with blanks."""
    eighths = round(8 * cells * min(1.0, max(0.0, share)))
    full, rest = divmod(eighths, 8)
    return ("█" * full + " ▏▎▍▌▋▊▉"[rest] * (rest > 0)).ljust(cells)
