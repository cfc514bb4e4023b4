"""All constants of a run, each declared once.

A new constant is one new field of `TrainingConfig`. Its name is the name of the flag and of the entry in the record.
Its type and bounds check the flag and the form. Its help is shown below the form's field and in `--help`. Code that
handles all constants uses `CONSTANTS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any, Self, get_type_hints

from engine import registry
from engine.config.constant import Constant, constant
from engine.config.contradictions import contradictions
from engine.errors import ConstantError

DATA_SOURCES = tuple(name for name in registry.names("data/sources", first="cifar10") if name != "folder")
"""The sources that have a name; anything else is the path of a folder."""
DEVICES = ("auto", "cpu", "cuda", "mps")
PRECISIONS = ("float32", "tf32", "bfloat16")
MODELS = registry.names("models", first="cnn")
OPTIMIZERS = registry.names("recipe/optimizers", first="adam")
SCHEDULES = registry.names("recipe/schedules", first="constant")
AUGMENTATIONS = registry.names("recipe/augmentations", first="none")
TEST_VIEWS = ("1", "2", "6")
"""How often each test image is looked at, see `engine.recipe.views`."""


def _is_source(value: str) -> bool:
    return bool(value.strip()) and "\0" not in value


def _is_device(value: str) -> bool:
    kind, _, index = value.partition(":")
    return value in DEVICES or (kind == "cuda" and index.isascii() and index.isdecimal())


def _is_run_name(value: str) -> bool:
    """Whether `value` can be the name of a folder. Empty is allowed: the run then chooses a name."""
    return not value or (
        len(value) <= 64
        and value[0] not in ".-"
        and value == value.strip()
        and "/" not in value
        and "\\" not in value
        and value.isprintable()
    )


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The constants of one run. The defaults are the notebook's. Raises `ConstantError` for values not allowed."""

    data: str = constant(
        "cifar10",
        check=_is_source,
        group="data",
        choices=DATA_SOURCES,
        open_choices="a folder",
        folder=True,
        allowed="cifar10, demo, or a folder that holds train/<class>/ and test/<class>/ images",
        help="The images: CIFAR-10, the demo set (drawn by the program, needs no network), or a folder of your own.",
    )
    data_dir: Path = constant(
        Path("data"),
        folder=True,
        group="data",
        allowed="a folder",
        help="Where CIFAR-10 is downloaded to, and where images are cached so that the next start is faster.",
    )
    epochs: int = constant(
        4,
        group="training",
        at_least=1,
        at_most=10_000,
        allowed="a whole number from 1 to 10,000",
        help="How many times training goes through all training images. Too many, and the network only memorizes them.",
    )
    batch_size: int = constant(
        32,
        group="training",
        at_least=1,
        at_most=1_000_000,
        unit="images",
        allowed="a whole number from 1 to 1,000,000",
        help="Images per iteration. Larger is faster per image, but takes fewer steps an epoch.",
    )
    learning_rate: float = constant(
        0.001,
        group="training",
        check=lambda rate: rate > 0,
        at_most=10,
        allowed="a number above 0, at most 10",
        help="Step size. Larger learns faster, too large diverges. Usual: 0.001 with adam and adamw, 0.1 with sgd,"
        " 0.24 with muon.",
    )
    seed: int = constant(
        0,
        group="training",
        at_least=0,
        at_most=2**32 - 1,
        allowed="a whole number from 0 to 4,294,967,295",
        help="Start of the random numbers: the initial weights and the order of the images. The same seed with the same"
        " number of threads gives the same run.",
    )
    model: str = constant(
        "cnn",
        group="training",
        choices=MODELS,
        allowed="one of " + ", ".join(MODELS),
        help="The network. cnn is the notebook's own.",
    )
    width: int = constant(
        64,
        group="training",
        at_least=8,
        at_most=1024,
        check=lambda width: width % 8 == 0,
        allowed="a multiple of 8 from 8 to 1,024",
        help="Channels of the first group of speedrun; the others have four times as many. Half of it needs a quarter"
        " of the time. Other networks have a fixed width.",
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
        group="training",
        choices=PRECISIONS,
        allowed="one of " + ", ".join(PRECISIONS),
        help="How numbers are multiplied. float32 is the notebook's; tf32 (CUDA only) and bfloat16 keep fewer digits:"
        " other losses, and faster on some machines. On a GPU bfloat16 beats tf32 only with large batches or networks.",
    )
    deterministic: bool = constant(
        False,
        group="training",
        allowed="yes or no",
        help="On a GPU, the same seed gives the same bits each time, and a resumed run those of one never interrupted."
        " Slower there: cnn takes 346 instead of 247 µs an iteration on an H100. A processor always does so.",
    )
    optimizer: str = constant(
        "adam",
        group="recipe",
        choices=OPTIMIZERS,
        allowed="one of " + ", ".join(OPTIMIZERS),
        help="How gradients move the weights. adam is the notebook's; adamw also decays weights; sgd has Nesterov"
        " momentum; muon moves each convolution in all directions alike.",
    )
    momentum: float = constant(
        0.0,
        group="recipe",
        at_least=0,
        at_most=0.999,
        allowed="a number from 0 to 0.999",
        help="How much of the last steps goes into the next one, for sgd (usual: 0.9) and muon (0.6). adam and adamw"
        " have their own.",
    )
    weight_decay: float = constant(
        0.0,
        group="recipe",
        at_least=0,
        at_most=1,
        allowed="a number from 0 to 1",
        help="Pulls the weights towards 0, so that the network memorizes less. Usual: 0.0005 with sgd, 0.05 with"
        " adamw.",
    )
    schedule: str = constant(
        "constant",
        group="recipe",
        choices=SCHEDULES,
        allowed="one of " + ", ".join(SCHEDULES),
        help="How the learning rate changes over the run. Falling to zero, as linear, cosine and one-cycle do, ends at"
        " a better network.",
    )
    warmup: float = constant(
        0.0,
        group="recipe",
        at_least=0,
        at_most=10_000,
        unit="epochs",
        allowed="a number from 0 to 10,000, less than the epochs",
        help="Epochs in which the learning rate rises to its full value. 0: none, but 30 % of the run with one-cycle.",
    )
    augmentation: str = constant(
        "none",
        group="recipe",
        choices=AUGMENTATIONS,
        allowed="one of " + ", ".join(AUGMENTATIONS),
        help="Training images are mirrored in every second epoch (flip), moved by up to 2 pixels (shift), and lose a"
        " grey square (cutout), so that the network sees more of them.",
    )
    label_smoothing: float = constant(
        0.0,
        group="recipe",
        at_least=0,
        at_most=0.9,
        allowed="a number from 0 to 0.9",
        help="The part of each label that is spread over all classes, against overconfidence. Usual: 0.1 or 0.2. The"
        " training loss then stays above 0.",
    )
    average: float = constant(
        0.0,
        group="recipe",
        at_least=0,
        at_most=0.99999,
        allowed="a number from 0 to 0.99999",
        help="Evaluates an exponential average of the weights, of which each iteration keeps this part. 0.999 averages"
        " about a thousand iterations; 0 is off.",
    )
    test_views: int = constant(
        1,
        group="recipe",
        choices=TEST_VIEWS,
        allowed="1, 2 or 6",
        help="How often a test image is looked at in the last evaluation: 1, 2 with its mirror image, 6 with both moved"
        " by a pixel. The accuracy of one view is told, too.",
    )
    validation: int = constant(
        0,
        group="recipe",
        at_least=0,
        at_most=10_000_000,
        unit="images",
        allowed="a whole number from 0 to 10,000,000, less than the training images",
        help="Training images that are held out, from every class its share, and evaluated after each epoch in the"
        " place of the test images. These are then only used once, at the end.",
    )
    keep_best: bool = constant(
        False,
        group="recipe",
        allowed="yes or no",
        help="Ends with the weights of the epoch with the best accuracy, on the validation images if there are any.",
    )
    patience: int = constant(
        0,
        group="recipe",
        at_least=0,
        at_most=10_000,
        unit="epochs",
        allowed="a whole number from 0 to 10,000",
        help="Ends the run after so many epochs without a better accuracy. 0: never.",
    )
    time_limit: float = constant(
        0.0,
        group="recipe",
        at_least=0,
        at_most=10_000_000,
        unit="s",
        allowed="a number from 0 to 10,000,000",
        help="Ends the training after so many seconds of training and evaluation, with results. 0: never.",
    )
    device: str = constant(
        "auto",
        check=_is_device,
        group="machine",
        choices=DEVICES,
        open_choices="cuda:N",
        allowed="auto, cpu, cuda, cuda:N or mps",
        help="Where to train. auto takes the first CUDA GPU if there is one, else Apple's GPU, else the processor.",
    )
    threads: int = constant(
        0,
        group="machine",
        at_least=0,
        at_most=1_024,
        allowed="a whole number from 0 to 1,024",
        help="Processor threads that compute. 0 measures which count is fastest before the run; a fixed count repeats a"
        " run to the last digit.",
    )
    processes: int = constant(
        1,
        group="machine",
        at_least=1,
        at_most=1_024,
        allowed="a whole number from 1 to 1,024",
        help="Processes that train the run together, on a GPU or a processor each. Each takes its part of every batch;"
        " order and losses stay those of one. Worth it for large networks and batches.",
    )
    runs_dir: Path = constant(
        Path("runs"),
        folder=True,
        group="run",
        allowed="a folder",
        help="Where each run gets its folder, with journal, losses, checkpoints and summary.",
    )
    name: str = constant(
        "",
        check=_is_run_name,
        group="run",
        allowed="at most 64 printable characters without / or \\, not starting with . or -; empty chooses one",
        help="Name of the run and of its folder. Left empty, a name is chosen.",
    )
    start_from: str = constant(
        "",
        check=lambda value: "\0" not in value,
        group="run",
        folder=True,
        allowed="a run, or the folder of a checkpoint; empty begins with random weights",
        help="Weights to begin with, and the optimizer's state if it fits: those of a run's newest checkpoint. The run"
        " keeps a copy.",
    )

    def __post_init__(self) -> None:
        for name, value in _read(vars(self)).items():
            object.__setattr__(self, name, value)
        if problems := contradictions(self):
            raise ConstantError(problems)

    @classmethod
    def checked(cls, values: Mapping[str, object]) -> Self:
        """Return the config made from `values` by name, as text or typed. The others keep their defaults.

        Raises `ConstantError` with a reason for every value that is not allowed and every unknown name.
        """
        return cls(**_read(values))

    def replaced(self, **values: object) -> Self:
        """Return a copy with other values, which are not checked."""
        copy = object.__new__(type(self))
        vars(copy).update({**vars(self), **values})
        return copy

    def as_json(self) -> dict[str, str | int | float | bool]:
        """Return every constant by name, for JSON."""
        return {name: str(value) if isinstance(value, Path) else value for name, value in vars(self).items()}

    def changed(self) -> dict[str, object]:
        """Return the constants that differ from their defaults, by name."""
        return {c.name: value for c in CONSTANTS if (value := getattr(self, c.name)) != c.default}


_TYPES = get_type_hints(TrainingConfig)
CONSTANTS = tuple(
    Constant(name=each.name, type=_TYPES[each.name], default=each.default, **each.metadata)
    for each in fields(TrainingConfig)
)
"""All constants, in the order of their declaration."""

_BY_NAME = {constant.name: constant for constant in CONSTANTS}


def _read(values: Mapping[str, object]) -> dict[str, Any]:
    """Return `values` as their constants' types. Raises `ConstantError`."""
    read: dict[str, Any] = {}
    problems: dict[str, str] = {}
    for name, value in values.items():
        if name not in _BY_NAME:
            problems[name] = f"there is no such constant; there are {', '.join(_BY_NAME)}"
            continue
        try:
            read[name] = _BY_NAME[name].read(value)
        except ValueError as error:
            problems[name] = str(error)
    if problems:
        raise ConstantError(problems)
    return read
