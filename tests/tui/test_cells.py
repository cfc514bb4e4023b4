"""Text measured in cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.text import clean
from tui.look.cells import bar, cropped


@given(st.text(), st.integers(-3, 40))
def test_cropped_text_fits(text: str, cells: int) -> None:
    """Whatever a name holds, it keeps to its column, and stays as it is where it fits."""
    result = cropped(text, cells)
    assert cell_len(result) <= max(0, cells)
    if cell_len(clean(text)) <= cells:
        assert result == clean(text)


@pytest.mark.parametrize(
    ("text", "cells", "expected"),
    [("class number 57", 12, "class nu… 57"), ("airplane", 4, "ai…e"), ("漢字漢字", 4, "漢…"), ("ab", 1, "…")],
)
def test_cropping_keeps_both_ends(text: str, cells: int, expected: str) -> None:
    """Names that begin alike stay apart by their ends."""
    assert cropped(text, cells) == expected


@given(st.floats(-1, 2), st.integers(0, 100))
def test_bar_fills_its_room(share: float, cells: int) -> None:
    """A bar is as many cells wide as asked for, whatever it shows."""
    assert len(bar(share, cells)) == cells


@pytest.mark.parametrize(
    ("share", "expected"), [(0, "    "), (1 / 32, "▏   "), (0.5, "██  "), (17 / 32, "██▏ "), (1, "████")]
)
def test_bar_is_drawn_in_eighths(share: float, expected: str) -> None:
    """An eighth of a cell makes a difference."""
    assert bar(share, 4) == expected
