"""The arguments that several commands share."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from cyclopts import Parameter

from engine.config import CONSTANTS, Constant, TrainingConfig

Run = Annotated[str | None, Parameter(help="A run's name or folder. Default: the latest run.")]
RunsDir = Annotated[Path, Parameter(help="Where the runs are.")]
EventsAsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="One event a line on stdout, as JSON, and nothing else there.")
]


def _flag(constant: Constant) -> tuple[object, object]:
    """Return the type and the default of a constant's flag: bool for `--name` and `--no-name`, otherwise str.

    `TrainingConfig.checked` reads the text, because it has the messages for wrong values.
    """
    explained = Parameter(help=f"{constant.help} Allowed: {constant.allowed}.")
    if constant.type is bool:
        return Annotated[bool, explained], field(default=constant.default)
    return Annotated[str, explained], field(default=str(constant.default))


Flags = make_dataclass(
    "Flags",
    [(c.name, *_flag(c)) for c in CONSTANTS],
    namespace={"__module__": __name__},  # Cyclopts takes no flags from a class of the standard library
)
if TYPE_CHECKING:
    Constants = object
else:
    Constants = Annotated[Flags, Parameter(name="*")]


def as_config(flags: object) -> TrainingConfig:
    """Return the config that the flags give. Raises `ConstantError`."""
    return TrainingConfig.checked(vars(flags))
