"""Text measured in cells."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

from engine.text import clean
from tui.look.cells import bar, cropped, initials, shortened


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


@given(
    st.lists(st.text(max_size=12) | st.text("ab_1", max_size=30), min_size=1, max_size=30, unique_by=clean),
    st.integers(2, 20),
)
def test_shortened_names_stay_apart(names: list[str], cells: int) -> None:
    """Names fit their column, a name that all of it shows is not changed, and different names stay different."""
    short = shortened(names, cells)
    assert all(cell_len(text) <= cells for text in short)
    assert len(set(short)) == len(names)


@pytest.mark.parametrize(
    ("names", "cells", "expected"),
    [
        (("plane", "car"), 5, ["plane", "car"]),
        (("photos_of_heron_1", "photos_of_stork_1", "other"), 8, ["…heron…", "…stork…", "other"]),
        (("my_heron_left_side_photo", "my_heron_right_side_photo"), 12, ["…left…", "…right…"]),
        (("class number 10", "class number 11"), 8, ["class…10", "class…11"]),
        (("class number 1007", "class number 1107"), 8, ["…1007", "…1107"]),
        (
            ("my_heron_1_photo", "my_heron_2_photo", "my_stork_1_photo", "z"),
            14,
            ["…heron_1…", "…heron_2…", "…stork_1…", "z"],
        ),
        (("a" * 20, "a" * 21), 8, ["aaaaa… 0", "aaaaa… 1"]),
    ],
)
def test_names_are_shortened_where_they_differ(names: tuple[str, ...], cells: int, expected: list[str]) -> None:
    """Names that begin or end alike lose that, in whole words; without a difference that fits they get their index."""
    assert shortened(names, cells) == expected


@pytest.mark.parametrize(
    ("names", "short"),
    [
        (("plane", "car", "cat", "deer", "dog"), ["pl", "ca", "ct", "de", "do"]),
        (("class 1", "class 2", "class 10"), ["1", "2", "10"]),
        (("漢字", "漢語"), ["字", "語"]),
        (("\x1b[31ma", "b"), ["a", "b"]),
        (("same", "same"), None),
        (("ab.", "b", "c", "d", "ab!"), None),
    ],
)
def test_initials(names: tuple[str, ...], short: list[str] | None) -> None:
    """Two letters tell classes apart, or are not used: a heading is never made of punctuation."""
    assert initials(names, 2) == short
