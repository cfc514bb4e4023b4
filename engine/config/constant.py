"""One constant of a run: how it is declared, read and shown."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def constant(default: object, **declared: Any) -> Any:
    """Declare one field of `TrainingConfig`. The keywords are the fields of `Constant`."""
    return field(default=default, metadata=declared)


@dataclass(frozen=True, kw_only=True)
class Constant:
    """One constant, as `TrainingConfig` declares it."""

    name: str
    type: type
    """`str`, `int`, `float`, `bool` or `Path`."""
    default: object
    group: str
    """`data`, `training`, `recipe`, `machine` or `run`: where the form shows it."""
    allowed: str
    """The allowed values, as the end of the sentence `it must be …`."""
    help: str
    unit: str = ""
    choices: tuple[str, ...] = ()
    open_choices: str = ""
    """What else is allowed besides `choices`, in a word or two; empty if nothing is."""
    folder: bool = False
    """Whether the value is the path of a folder, or, with `choices`, whether any other value is one."""
    at_least: float = -math.inf
    at_most: float = math.inf
    check: Callable[[Any], bool] | None = None
    """Whether a value is allowed that passed everything above."""

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def arguments(self, value: object) -> tuple[str, ...]:
        """Return the command-line words that set this constant to `value`."""
        if self.type is bool:
            return (self.flag if value else f"--no-{self.flag[2:]}",)
        return (self.flag, str(value))

    def read(self, value: object) -> Any:
        """Return `value`, given as text or as this constant's type. Raises `ValueError`."""
        try:
            read = _READERS[self.type](value)
        except (ValueError, TypeError, KeyError, OverflowError):
            raise ValueError(self.refusal(value)) from None
        choice = not self.choices or bool(self.open_choices) or str(read) in self.choices
        bounded = self.type not in (int, float) or self.at_least <= read <= self.at_most
        if not (choice and bounded and (self.check is None or self.check(read))):
            raise ValueError(self.refusal(value))
        return read

    def refusal(self, value: object) -> str:
        """Return the message for a value that is not allowed."""
        text = str(value)
        if not text.strip():
            return f"it is empty; it must be {self.allowed}"
        return f"{text if len(text) <= 60 else text[:59] + '…'} is not allowed; it must be {self.allowed}"


def shown(value: object) -> str:
    """Return a value as a form shows it and `Constant.read` reads it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise TypeError
    return value


def _whole(value: object) -> int:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = int(value)
    if isinstance(value, float) and value != number:
        raise ValueError
    return number


def _number(value: object) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise TypeError
    number = float(value)
    if not math.isfinite(number):
        raise ValueError
    return number


def _yes_or_no(value: object) -> bool:
    return {"yes": True, "true": True, "on": True, "1": True, "no": False, "false": False, "off": False, "0": False}[
        str(value).strip().lower()
    ]


def _path(value: object) -> Path:
    if not isinstance(value, str | Path) or not str(value).strip() or "\0" in str(value):
        raise ValueError  # an empty path would be the working directory
    return Path(value)


_READERS: dict[type, Callable[[object], Any]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _yes_or_no,
    Path: _path,
}
