"""What a run tells when it begins or goes on, and what a person should know of that."""

from __future__ import annotations

import math
from collections.abc import Iterator
from datetime import datetime

from torch import nn

from engine.config import TrainingConfig
from engine.hardware.versions import versions
from engine.recipe.recipe import Recipe
from engine.record.events import BranchOf, DeviceInfo, Event, Notice, RunResumed, RunStarted
from engine.storage.checkpoint import Checkpoint
from engine.text import clean
from engine.training.restore import begin_with
from engine.training.shape import count_parameters
from engine.training.validation import Splits


def beginning(
    config: TrainingConfig,
    images: Splits,
    device: DeviceInfo,
    model: nn.Module,
    branch: BranchOf | None,
    seconds: float,
) -> Iterator[Event]:
    """Yield the start of a new run, and a notice if it goes by the accuracy on the test images. `branch` tells what it
    begins with, if that is another run; `seconds` is the time on the clock of the run's events."""
    yield RunStarted(
        seconds=seconds,
        at=_now(),
        name=config.name,
        config=config.as_json(),
        dataset=images.info,
        device=device,
        versions=versions(),
        parameters=count_parameters(model),
        batches=math.ceil(len(images.train) / config.batch_size),
        epochs=config.epochs,
        validation_images=len(images.validation or ()),
        branch_of=branch,
        processes=config.processes,
    )
    choosing = [name for name in ("keep_best", "patience") if getattr(config, name)]
    if choosing and images.validation is None:
        text = (
            f"{' and '.join(choosing)} go by the accuracy on the test images, so the result is better than it would"
            " be on new ones; --validation holds out images for that."
        )
        yield Notice(seconds=seconds, text=text)


def resumption(start: Checkpoint, config: TrainingConfig, device: DeviceInfo, seconds: float) -> Iterator[Event]:
    """Yield that a run goes on from `start`, and a notice if its last digits may differ from here on."""
    position = start.state.position
    yield RunResumed(
        seconds=seconds,
        at=_now(),
        epoch=position.epoch,
        iteration=position.iteration,
        device=device,
        versions=versions(),
        processes=config.processes,
    )
    before = start.state.origin.device.sums
    if before and device.sums and before != device.sums:
        text = (
            "The run began with sums in another order, so from here on its last digits may differ."
            f" There: {clean(before)}. Here: {device.sums}."
        )
        yield Notice(seconds=seconds, text=text)


def begin_branch(origin: Checkpoint, model: nn.Module, recipe: Recipe) -> BranchOf:
    """Give `model`, and `recipe` if it fits, the state of another run's checkpoint. Return what is told of it."""
    has_optimizer = begin_with(origin, model, recipe)
    name = str(origin.state.origin.config.get("name", ""))
    return BranchOf(name, origin.state.position.iteration, has_optimizer)


def may_have_seen(origin: Checkpoint, config: TrainingConfig, images: Splits) -> bool:
    """Return whether the weights of `origin` may come from a training on the validation images of this run."""
    theirs = origin.state.origin.config
    changed = any(theirs.get(name) != getattr(config, name) for name in ("validation", "seed"))
    return images.validation is not None and changed


def _now() -> str:
    return datetime.now().astimezone().isoformat(timespec="seconds")
