"""Markdown by hand: escaped texts and tables."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from engine.text import clean


def table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table whose first `texts` columns are text, on the left, and the others numbers, on the right."""
    alignment = ["---"] * texts + ["---:"] * (len(headings) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, alignment, *rows))


def plain(text: object) -> str:
    """Return `text` cleaned, with everything escaped that is markup in Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&$])", r"\\\1", clean(text))
