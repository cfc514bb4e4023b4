"""Checks before the start: what a config will do, without changing or downloading anything."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from engine import data, models
from engine.config import TrainingConfig
from engine.errors import ConstantError, EngineError
from engine.text import counted

if TYPE_CHECKING:
    import torch

Subject = Literal["data", "device", "model", "work", "run"]


@dataclass(frozen=True)
class Check:
    """The result of one check."""

    subject: Subject
    ready: bool
    """False if the run could not start."""
    lines: tuple[str, ...]
    """What was found, for a person, cleaned; the first line is the answer, the others are details."""
    constants: tuple[str, ...] = ()
    """The constants that have to change, by name; the reasons are in `Preflight.problems`, so `lines` is empty."""
    warning: str = ""
    """What does not prevent the start and should be known before it, cleaned; empty if there is nothing."""


@dataclass(frozen=True)
class Preflight:
    """All checks of one config."""

    checks: tuple[Check, ...]
    problems: dict[str, str] = field(default_factory=dict)
    """The reason for each constant that prevents the start, by name."""
    found: data.Found | None = None
    """The images that the run would get, if they are there."""

    @property
    def ready(self) -> bool:
        return not self.problems and all(check.ready for check in self.checks)


def preflight(config: TrainingConfig) -> Preflight:
    """Check the data, the device, the network and the run's folder for `config`.

    Imports torch, which takes seconds the first time, and builds the network for the notebook's shape check.
    """
    checks: list[Check] = []
    problems: dict[str, str] = {}
    found: list[data.Found] = []

    def look(subject: Subject, at: Callable[[], tuple[str, ...]], warning: Callable[[], str] = lambda: "") -> None:
        try:
            checks.append(Check(subject, True, at(), warning=warning()))
        except EngineError as error:
            if isinstance(error, ConstantError):
                problems.update(error.problems)
                checks.append(Check(subject, False, (), tuple(error.problems)))
            else:
                checks.append(Check(subject, False, (error.message,)))

    def look_at_data() -> tuple[str, ...]:
        found.append(data.find(config.data, config.data_dir))
        return _data_lines(found[0])

    look("data", look_at_data)
    look("device", lambda: _device_lines(config), lambda: _taken(config))
    if found:
        look("model", lambda: _model_lines(config, len(found[0].classes)))
        look("work", lambda: _work_lines(config, found[0]))
    look("run", lambda: _run_lines(config))
    return Preflight(tuple(checks), problems, found[0] if found else None)


def _data_lines(found: data.Found) -> tuple[str, ...]:
    if not found.train_images:
        return (found.description,)
    classes = len(found.classes)
    each = f", {found.train_counts[0]:,} a class" if len(set(found.train_counts)) == 1 else ""
    counts = (
        f"{found.train_images:,} training{each} · {found.test_images:,} test · {counted(classes, 'class', 'classes')}"
    )
    return (found.description, counts)


def _device_lines(config: TrainingConfig) -> tuple[str, ...]:
    from engine.hardware import device, processors

    together = config.processes
    chosen = device.choose(device.of_process(config.device, together), config.precision)
    described = device.describe(chosen)
    if described.kind == "cpu":
        limit = processors.thread_limit(together)
        if config.threads or limit.threads == 1:
            threads = counted(min(config.threads or 1, limit.threads), "thread")
        else:
            threads = f"1 to {limit.threads} threads, whichever is fastest"
        if limit.reason and not 0 < config.threads <= limit.threads:
            threads = f"{threads}: {limit.reason}"
        lines = (*device.remarks(chosen), *_precision_lines(config), *_compiled_lines(config, chosen))
        threads = f"{together} processes, each with {threads}" if together > 1 else threads
        return (f"cpu  {described.name}", threads, *lines)
    every = f"cuda:0 to cuda:{together - 1}" if together > 1 else str(chosen)
    return (f"{every}  {described.name}", *device.remarks(chosen))


def _taken(config: TrainingConfig) -> str:
    """Return who computes on the GPU already; empty if nobody does."""
    from engine.hardware import device

    name = device.of_process(config.device, config.processes)
    return device.taken(device.choose(name, config.precision))


def _precision_lines(config: TrainingConfig) -> tuple[str, ...]:
    """What another precision would gain on a processor, if anything."""
    from engine.hardware.processors import has_native_bfloat16
    from engine.training.gain import WORTH_IT, bfloat16_gain

    if config.precision == "bfloat16" and has_native_bfloat16() is False:
        return ("float32 is faster: this processor has no instructions for bfloat16",)
    gain = bfloat16_gain(config)
    if gain is None:
        return ()
    if config.precision == "bfloat16":
        return (f"float32 is {1 / gain:.1f} × as fast here",) if 1 / gain >= WORTH_IT else ()
    return (f"bfloat16 is {gain:.1f} × as fast here, with fewer digits",) if gain >= WORTH_IT else ()


def _compiled_lines(config: TrainingConfig, device: torch.device) -> tuple[str, ...]:
    """Why the notebook's network trains slower here than it could, if it does."""
    from engine.kernels.convolutions import why_torch_computes
    from engine.training.layout import has_the_notebooks_bits

    reason = why_torch_computes(config.batch_size) if has_the_notebooks_bits(config, device) else None
    return (f"about half as fast {reason}",) if reason else ()


def _model_lines(config: TrainingConfig, classes: int) -> tuple[str, ...]:
    import torch

    from engine.training.shape import check_shape, count_parameters

    with torch.random.fork_rng(devices=[]):
        model = models.build(config.model, classes, config.width)
    shape = check_shape(model, classes)
    return (
        f"{config.model}, {counted(count_parameters(model), 'parameter')}",
        f"(64, 3, 32, 32) → {shape}",
        models.description(config.model),
    )


def _work_lines(config: TrainingConfig, found: data.Found) -> tuple[str, ...]:
    from engine.training.validation import shares

    if config.validation and found.train_counts:
        shares(found.train_counts, config.validation, found.classes)
    batches = -(-(found.train_images - config.validation) // config.batch_size)
    each = config.epochs if config.evaluate_each_epoch else 0
    test = counted(found.test_images, "test image")
    if config.test_views > 1:
        test += f", {config.test_views} views of each at the end"
    if config.validation:
        validation = f"{counted(each, 'evaluation')} of {counted(config.validation, 'validation image')}"
        evaluations = f"{validation}, 1 of {test}" if each else f"1 evaluation of {test}"
    else:
        evaluations = f"{counted(each or 1, 'evaluation')} of {test}"
    return (f"{counted(batches * config.epochs, 'iteration')}, {batches:,} an epoch", evaluations)


def _run_lines(config: TrainingConfig) -> tuple[str, ...]:
    from engine.storage import names, origin

    names.check_new(config)
    saved = f"saved in {config.runs_dir / (config.name or '<a name chosen at the start>')}"
    if (found := origin.find(config)) is None:
        return (saved,)
    name, iteration = origin.named(found)
    return (f"branch of {name} after iteration {iteration:,}", saved)
