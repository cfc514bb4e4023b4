"""The arguments that several commands share."""

from __future__ import annotations

from dataclasses import field, make_dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

from cyclopts import Parameter

from engine.config import CONSTANTS, PRESETS, Constant, TrainingConfig, preset_named

Run = Annotated[str | None, Parameter(help="A run's name or folder. Default: the latest run.")]
RunsDir = Annotated[Path, Parameter(help="Where the runs are.")]
EventsAsJson = Annotated[
    bool, Parameter(name="--json", negative="", help="One event a line on stdout, as JSON, and nothing else there.")
]
WhenDone = Annotated[
    str,
    Parameter(
        help="A command for the shell that is run when the run has ended. It finds CIFAR_TUI_RUN, CIFAR_TUI_FOLDER,"
        " CIFAR_TUI_STATUS, CIFAR_TUI_ACCURACY and CIFAR_TUI_REASON in its environment.",
        show_default=False,
    ),
]
Notify = Annotated[
    bool | None,
    Parameter(
        help="Ring the terminal's bell and send a desktop notification (OSC 9) when the run has ended. Default: on a"
        " terminal."
    ),
]
Colours = Annotated[
    Literal["auto", "true", "256", "16", "none"],
    Parameter(help="How many colours the terminal has. auto: as its environment tells (COLORTERM, TERM, NO_COLOR)."),
]
"""`auto`, or a `tui.look.colours.Depth`, which is not imported here: a command line is read sooner without Textual."""

_ONE_OF: Any = Literal  # a type checker wants its names written out
_PRESET: Any = Annotated[
    _ONE_OF[tuple(preset.name for preset in PRESETS)] | None,
    Parameter(
        help="Constants to begin with: " + " ".join(f"{p.name}: {p.help}" for p in PRESETS) + " Flags change them."
    ),
]


def _flag(constant: Constant) -> tuple[object, object]:
    """Return the type and the default of a constant's flag: bool for `--name` and `--no-name`, otherwise str.

    `TrainingConfig.checked` reads the text, because it has the messages for wrong values. None: the flag was not given.
    """
    explained = Parameter(help=f"{constant.help} Allowed: {constant.allowed}.", show_default=lambda _: constant.default)
    kind = bool if constant.type is bool else str
    return Annotated[kind | None, explained], field(default=None)


Flags = make_dataclass(
    "Flags",
    [("preset", _PRESET, field(default=None)), *((c.name, *_flag(c)) for c in CONSTANTS)],
    namespace={"__module__": __name__},  # Cyclopts takes no flags from a class of the standard library
)
if TYPE_CHECKING:
    Constants = object
else:
    Constants = Annotated[Flags, Parameter(name="*")]


def as_config(flags: object) -> TrainingConfig:
    """Return the config that the flags give: the preset's constants, changed by those given. Raises `ConstantError`."""
    given = {name: value for name, value in vars(flags).items() if value is not None}
    name = given.pop("preset", None)
    return TrainingConfig.checked({**(preset_named(name).constants() if name else {}), **given})
