"""Text from outside is made safe to show."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.text import clean, counted


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("plain", "plain"),
        ("[airplane] [/x]", "[airplane] [/x]"),
        ("\x1b[31mred\x1b[0m", "red"),
        ("\x1b]0;title\x07after", "after"),
        ("\x1b]8;;http://x\x1b\\link\x1b]8;;\x1b\\", "link"),
        ("a\nb\tc\r\nd", "a b c d"),
        ("\x1b", "\ufffd"),
        ("a\x00b\x9b31mc", "a\ufffdb\ufffd31mc"),
        ("\u202eabc", "\ufffdabc"),
        ("日本", "日本"),
    ],
)
def test_clean(given_text: str, shown: str) -> None:
    """Escape sequences are removed, other unprintable characters become visible, the rest stays."""
    assert clean(given_text) == shown


@given(st.text())
def test_clean_leaves_only_printable_text(text: str) -> None:
    """The result is always printable, and cleaning it again changes nothing."""
    cleaned = clean(text)
    assert cleaned.isprintable()
    assert clean(cleaned) == cleaned
    assert all(line.isprintable() for line in clean(text, keep_lines=True).split("\n"))


def test_numbers_stand_with_the_right_form_of_their_noun() -> None:
    """A user reads "1 thread", not "1 threads"."""
    assert [counted(n, "thread") for n in (0, 1, 2_108)] == ["0 threads", "1 thread", "2,108 threads"]
    assert [counted(n, "class", "classes") for n in (1, 2)] == ["1 class", "2 classes"]
