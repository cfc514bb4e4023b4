"""Every constant of a run, declared once.

A new constant is one new field of `TrainingConfig`. Its name is the name of the flag and of the entry in the record.
Its type and bounds check the flag and the form. Its help stands below the form's field and in `--help`. Code that goes
through all constants reads `CONSTANTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Self, get_type_hints

from engine import registry
from engine.config.constant import Constant, constant, shown
from engine.errors import ConstantError

if TYPE_CHECKING:
    from pydantic import BaseModel, ValidationError

DATA_SOURCES = tuple(name for name in registry.names("data/sources", first="cifar10") if name != "folder")
"""The sources that have a name; anything else is the path of a folder."""
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "tf32", "bfloat16")
MODELS = registry.names("models", first="cnn")


def _data_source(value: str) -> str:
    if not value.strip() or "\0" in value:
        raise ValueError("empty")
    return value


def _device(value: str) -> str:
    kind, _, index = value.partition(":")
    if kind not in DEVICES or (index and not (kind == "cuda" and index.isdecimal())) or value.endswith(":"):
        raise ValueError("unknown device")
    return value


def _model(value: str) -> str:
    if value not in MODELS:
        raise ValueError("unknown model")
    return value


def _precision(value: str) -> str:
    if value not in PRECISIONS:
        raise ValueError("unknown precision")
    return value


def _run_name(value: str) -> str:
    if value and (
        len(value) > 64
        or value[0] in ".-"
        or value != value.strip()
        or "/" in value
        or "\\" in value
        or not value.isprintable()
    ):
        raise ValueError("not usable as a folder's name")
    return value


def _folder(value: Path) -> Path:
    if "\0" in str(value):
        raise ValueError("not a path")
    return value


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The constants of one run; the defaults are the notebook's. Raises `ConstantError` for values not allowed."""

    data: str = constant(
        "cifar10",
        check=_data_source,
        group="data",
        choices=DATA_SOURCES,
        open_choices="a folder",
        folder=True,
        allowed="cifar10, demo, or a folder that holds train/<class>/ and test/<class>/ images",
        help="The images: CIFAR-10, the built-in demo set (drawn by the program, needs no network), or your own.",
    )
    data_dir: Path = constant(
        Path("data"),
        check=_folder,
        folder=True,
        group="data",
        allowed="a folder",
        help="Where CIFAR-10 is kept once downloaded, and where a folder's images are cached once read.",
    )
    epochs: int = constant(
        4,
        group="training",
        ge=1,
        le=10_000,
        allowed="a whole number from 1 to 10,000",
        help="How many times training goes over all training images. More learns longer, until it only memorizes.",
    )
    batch_size: int = constant(
        32,
        group="training",
        ge=1,
        le=1_000_000,
        unit="images",
        allowed="a whole number from 1 to 1,000,000",
        help="Images that one iteration learns from. Larger is faster per image, with fewer steps an epoch.",
    )
    learning_rate: float = constant(
        0.001,
        group="training",
        gt=0,
        le=1,
        allowed="a number above 0, at most 1",
        help="Step size of Adam. Larger learns faster, too large diverges.",
    )
    seed: int = constant(
        0,
        group="training",
        ge=0,
        le=2**32 - 1,
        allowed="a whole number from 0 to 4,294,967,295",
        help="Start of the random numbers: the initial weights and the order of the images. The same seed with the same"
        " number of threads gives the same run.",
    )
    model: str = constant(
        "cnn",
        check=_model,
        group="training",
        choices=MODELS,
        allowed="one of " + ", ".join(MODELS),
        help="The network. cnn is the notebook's own.",
    )
    evaluate_each_epoch: bool = constant(
        True,
        group="training",
        allowed="yes or no",
        help="Measure the accuracy on the test images after every epoch, not only at the end. The training itself"
        " does not change.",
    )
    precision: str = constant(
        "float32",
        check=_precision,
        group="training",
        choices=PRECISIONS,
        allowed="one of " + ", ".join(PRECISIONS),
        help="How numbers are multiplied. float32 is the notebook's; tf32 (CUDA only) and bfloat16 keep fewer digits:"
        " other losses, and faster on some machines.",
    )
    device: str = constant(
        "auto",
        check=_device,
        group="machine",
        choices=DEVICES,
        open_choices="cuda:N",
        allowed="auto, cpu, cuda, cuda:N or mps",
        help="Where to train. auto takes the first CUDA GPU if there is one, else Apple's GPU, else the processor.",
    )
    threads: int = constant(
        0,
        group="machine",
        ge=0,
        le=1_024,
        allowed="a whole number from 0 to 1,024",
        help="Processor threads that compute. 0 measures which count is fastest before the run; a fixed count repeats a"
        " run to the last digit.",
    )
    runs_dir: Path = constant(
        Path("runs"),
        check=_folder,
        folder=True,
        group="run",
        allowed="a folder",
        help="Where every run leaves its folder: journal, losses, checkpoints, summary.",
    )
    name: str = constant(
        "",
        check=_run_name,
        group="run",
        allowed="at most 64 printable characters without / or \\, not starting with . or -; empty chooses one",
        help="Name of the run and of its folder. Left empty, a name is chosen.",
    )

    def __post_init__(self) -> None:
        for name, value in _allowed(vars(self)).items():
            object.__setattr__(self, name, value)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """The config made from `values` by name, as text or as what they are; what is missing keeps its default.

        Raises `ConstantError` with a reason for every value that is not allowed and every name that is unknown.
        """
        return cls(**_allowed(values))

    def replaced(self, **values: object) -> Self:
        """A copy with other `values`, which are known to be allowed."""
        copy = object.__new__(type(self))
        vars(copy).update({**vars(self), **values})
        return copy

    def as_json(self) -> dict[str, str | int | float | bool]:
        """Every constant by name, as JSON knows it."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}

    def changed(self) -> dict[str, object]:
        """The constants that differ from their defaults, by name."""
        return {c.name: value for c in CONSTANTS if (value := getattr(self, c.name)) != c.default}


def _read_constants() -> tuple[Constant, ...]:
    types = get_type_hints(TrainingConfig)
    return tuple(
        Constant(name=each.name, type=types[each.name], default=each.default, **each.metadata["shown"])
        for each in fields(TrainingConfig)
    )


CONSTANTS = _read_constants()


def _allowed(values: Mapping[str, object]) -> dict[str, Any]:
    """`values` as their constants' types. Raises `ConstantError`. A default is allowed, and needs no look."""
    defaults = {constant.name: constant.default for constant in CONSTANTS}
    stated = {name: value for name, value in values.items() if name not in defaults or not _says(value, defaults[name])}
    if not stated:
        return {name: defaults[name] for name in values}
    from pydantic import ValidationError

    try:
        checked = dict(checking_model().model_validate(stated))
    except ValidationError as error:
        raise ConstantError(reasons(error)) from None
    return {name: checked[name] for name in values}


def _says(value: object, default: object) -> bool:
    """Whether `value` is the default, or its text."""
    return type(value) in (type(default), str) and shown(value) == shown(default)


@cache
def checking_model() -> type[BaseModel]:
    """The pydantic model that checks constants: the same names, types, defaults and bounds."""
    from pydantic import AfterValidator, ConfigDict, Field, create_model

    types = get_type_hints(TrainingConfig)
    checks: dict[str, Any] = {}
    for known, declared in zip(CONSTANTS, fields(TrainingConfig), strict=True):
        described = Field(description=f"{known.help} Allowed: {known.allowed}.", **declared.metadata["bounds"])
        check = declared.metadata["check"]
        kind = Annotated[types[known.name], AfterValidator(check)] if check else types[known.name]
        checks[known.name] = (Annotated[kind, described], known.default)
    strict = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())
    return create_model("Constants", __config__=strict, **checks)


def reasons(error: ValidationError) -> dict[str, str]:
    """For each constant that pydantic refused: what it was, and what is allowed."""
    known = {constant.name: constant for constant in CONSTANTS}
    reasons = {}
    for problem in error.errors(include_url=False, include_context=False):
        name = str(problem["loc"][0]) if problem["loc"] else "config"
        if name in known:
            reasons[name] = f"{_shown(problem['input'])} is not allowed; it must be {known[name].allowed}"
        else:
            reasons[name] = f"there is no such constant; there are {', '.join(known)}"
    return reasons


def _shown(value: object) -> str:
    text = str(value)
    return "nothing" if not text else text if len(text) <= 60 else text[:59] + "…"
