"""One constant of a run: how it is declared, and how a form, a flag or a report shows it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any


def constant(
    default: object,
    *,
    group: str,
    help: str,
    allowed: str,
    unit: str = "",
    choices: tuple[str, ...] = (),
    open_choices: str = "",
    folder: bool = False,
    check: Callable[[Any], object] | None = None,
    **bounds: float,
) -> Any:
    """Declare one field of `TrainingConfig`.

    pydantic checks the type, the `bounds` and `check`, which raises `ValueError`. The rest is shown to people; see
    `Constant`.
    """
    shown = {
        "help": help,
        "allowed": allowed,
        "group": group,
        "unit": unit,
        "choices": choices,
        "open_choices": open_choices,
        "folder": folder,
    }
    return field(default=default, metadata={"shown": shown, "check": check, "bounds": bounds})


@dataclass(frozen=True, kw_only=True)
class Constant:
    """One constant as a form, a flag or a report shows it; read from `TrainingConfig`, never written by hand."""

    name: str
    type: type
    default: object
    help: str
    allowed: str
    group: str
    unit: str
    choices: tuple[str, ...]
    open_choices: str
    """What else is allowed besides `choices`, in a word or two; empty if nothing is."""
    folder: bool
    """Whether the value is the path of a folder, or, with `choices`, whether any other value is one."""

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")

    @property
    def flag(self) -> str:
        return "--" + self.name.replace("_", "-")

    def arguments(self, value: object) -> tuple[str, ...]:
        """The command-line words that set this constant to `value`."""
        if self.type is bool:
            return (self.flag if value else f"--no-{self.flag[2:]}",)
        return (self.flag, str(value))


def shown(value: object) -> str:
    """A value as a form shows it, and as `TrainingConfig.checked` reads it."""
    return ("yes" if value else "no") if isinstance(value, bool) else str(value)
