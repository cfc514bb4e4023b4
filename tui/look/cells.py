"""Text measured in terminal cells: a letter takes one, a CJK character or an emoji two."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain, takewhile

from rich.cells import cell_len, set_cell_size

from engine.text import clean


def cropped(text: object, cells: int) -> str:
    """Return `text`, cleaned, in at most `cells` cells.

    If it does not fit, an ellipsis replaces a part before the last third: names that begin alike often end differently.
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


def fitted(text: str, cells: int) -> str:
    """Return `text` in at most `cells` cells; an ellipsis at the end marks what was cut off."""
    if cell_len(text) <= cells:
        return text
    return f"{begun(text, cells - 1)}…" if cells > 0 else ""


def begun(text: str, cells: int) -> str:
    """Return the beginning of `text` that fits into `cells` cells, without an ellipsis."""
    return text if cell_len(text) <= cells else set_cell_size(text, max(0, cells)).rstrip()


def shortened(names: Sequence[object], cells: int) -> list[str]:
    """Return `names`, cleaned, in at most `cells` cells each; different names stay different.

    Names that would become equal lose the beginning and the end that they share, `…heron…` for `my_heron_photos`. Names
    that are still equal then show their index in `names`, so `cells` must hold the last index.
    """
    plain = [clean(name) for name in names]
    short = _apart(plain, cells)
    uses = Counter(short[name] for name in set(plain))
    shown = [short[name] if uses[short[name]] == 1 else _numbered(name, i, cells) for i, name in enumerate(plain)]
    if len(set(shown)) < len(set(plain)):
        return [str(i) for i in range(len(plain))]
    return shown


def initials(names: Sequence[object], cells: int) -> list[str] | None:
    """Return an abbreviation of at most `cells` cells for each of `names`: `ca` for car and `ct` for cat.

    Return None if letters do not tell the names apart well: too many begin alike, or one has no letter left to use.
    """
    plain = [clean(name) for name in names]
    first, last = _shared(plain)
    for known in (plain, [name[first : len(name) - last] for name in plain]):
        if 4 * len({begun(name, cells) for name in known}) >= 3 * len(known):
            return _initials(known, cells)
    return None


def bar(share: float, cells: int) -> str:
    """Return a bar over `share` (0 to 1) of `cells` cells, exact to an eighth of a cell and filled up with blanks."""
    eighths = round(8 * cells * min(1.0, max(0.0, share)))
    full, rest = divmod(eighths, 8)
    return ("█" * full + " ▏▎▍▌▋▊▉"[rest] * (rest > 0)).ljust(cells)


def curve(shares: Sequence[float | None], cells: int, rows: int = 1) -> list[str]:
    """Return the newest of `shares` (0 to 1, the last one the newest) as a curve of at most `cells` cells.

    One string a row, the topmost first. A value that is not known is a blank; 0 is a thin line.
    """
    newest = shares[-cells:] if cells > 0 else ()
    heights = [None if share is None else max(1, round(8 * rows * min(1.0, share))) for share in newest]
    return [
        "".join(" " if height is None else _HEIGHTS[min(8, max(0, height - 8 * row))] for height in heights)
        for row in reversed(range(rows))
    ]


_HEIGHTS = " ▁▂▃▄▅▆▇█"


def _apart(names: Sequence[str], cells: int) -> dict[str, str]:
    """Return a short form by name. Names that are alike when cropped are shortened to what they do not share."""
    short = {name: cropped(name, cells) for name in names}
    long = [name for name in short if short[name] != name]
    groups = {"": long}
    if not any(_shared(long)):  # not all of them share something, but those that begin alike may
        groups = {}
        for name in long:
            groups.setdefault(short[name].partition("…")[0], []).append(name)
    for alike in groups.values():
        if len({short[name] for name in alike}) == len(alike):
            continue
        first, last = _shared(alike)
        before, after = "…" * bool(first), "…" * bool(last)
        if (first or last) and cells > 3:
            parts = {name: name[first : len(name) - last] for name in alike}
            inner = _apart(list(parts.values()), cells - len(before + after))
            short |= {name: f"{before}{inner[part]}{after}" for name, part in parts.items()}
    return short


def _shared(names: Sequence[str]) -> tuple[int, int]:
    """Return how many characters of whole words all `names` begin with, and how many they end with.

    Return zeros if a name holds nothing else.
    """
    if len(names) < 2:
        return 0, 0
    first = len(_whole_words(names))
    last = len(_whole_words([name[first:][::-1] for name in names]))
    return (first, last) if first + last < min(map(len, names)) else (0, 0)


def _whole_words(names: Sequence[str]) -> str:
    """Return what all `names` begin with, without a word or number that goes on differently: not the 1 of 10 and 11."""
    same = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
    shared = "".join(letters[0] for letters in same)
    return re.sub(r"[^\W_]+$", "", shared) or re.sub(r"\d+$", "", shared)


def _numbered(name: str, index: int, cells: int) -> str:
    number = f"… {index}"
    return f"{begun(name, cells - len(number))}{number}" if cells >= len(number) else str(index)


def _initials(names: Sequence[str], cells: int) -> list[str] | None:
    taken: list[str] = []
    for name in names:
        start = begun(name, cells)
        letters = (letter for letter in name[len(start) :] if letter.isalnum())
        others = (begun(start, cells - cell_len(letter)) + letter for letter in letters)
        free = next((text for text in chain([start], others) if text not in taken), None)
        if free is None:
            return None
        taken.append(free)
    return taken
