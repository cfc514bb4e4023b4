"""Conditions on runs, as the words of a command line give them."""

from __future__ import annotations

from collections.abc import Sequence

from rich.cells import cell_len

from engine.errors import InputError
from engine.storage.conditions import Condition, ConditionError, read
from engine.text import clean

_BEFORE = cell_len("cifar-tui: ")
"""Cells before the first line of an error message."""

_ROOM = 78
"""Cells of conditions that are shown with a mark below the place; longer ones could be wrapped."""


def read_conditions(words: Sequence[str]) -> Condition:
    """Return the condition that the words together state. Raises `InputError`, which shows the place."""
    text = " ".join(words)
    try:
        return read(text)
    except ConditionError as error:
        shown, before = clean(text), cell_len(clean(text[: error.at]))
        if _BEFORE + cell_len(shown) > _ROOM:
            raise
        reason = error.message.partition(": ")[2]
        raise InputError(f"{shown}\n{' ' * (_BEFORE + before)}^ {reason}") from None
