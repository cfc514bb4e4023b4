"""Measures the parts of a run by training for a moment: the real loop, on made-up images."""

from __future__ import annotations

import math
import statistics
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine import models
from engine.config import TrainingConfig
from engine.control import Control, Leave
from engine.data.imageset import IMAGE_SIZE, ImageSet, Split
from engine.estimate.figures import Figures
from engine.hardware import device as devices
from engine.hardware.precision import multiplying_in
from engine.record.events import Event
from engine.training.clock import Seconds, stopwatch
from engine.training.layout import convolving, layout
from engine.training.loop import learner
from engine.training.predict import BATCH, predict
from engine.training.resident import ResidentImages
from engine.training.trainer import train

_SECONDS = 2.0
"""How long it trains at least, from the end of the first batch."""
_FEWEST = 5
"""How often losses come at least; on a processor that is once a batch."""
_WARM_UP = 1 / 4
"""The part of that time which is not counted: memory is allocated and processors change their clock rate."""
_LARGEST_BATCH = 250
"""Images of a batch on a processor that are enough: the time of more is in proportion, apart from the optimizer's step.

A batch of 2,000 images takes `speedrun` three seconds on two cores.
"""
_MOST_TRAINING_IMAGES = 50_000
_LOOKING_SECONDS = 0.5
"""How long it evaluates at least."""
_FEWEST_EVALUATIONS, _OPTIMIZER_STEPS = 2, 5


def measured(
    config: TrainingConfig, train_images: int, test_images: int, classes: int, seconds: Seconds | None = None
) -> Figures:
    """Train as `config` says for about `_SECONDS` on made-up images, as many as the run has, and evaluate some.

    `seconds` returns the time since now. Raises the errors of `train`. Changes torch's random numbers and its thread
    count; meant for a process of its own.
    """
    seconds = seconds or stopwatch()
    device = devices.usable(config.device, config.precision)
    size = min(config.batch_size, train_images)
    measured_size = min(size, _LARGEST_BATCH) if device.type == "cpu" else size
    # A run that does nothing but train until it is stopped. Nothing can be learnt from made-up images, so a usual
    # learning rate might diverge.
    endless = config.replaced(
        device=str(device),
        batch_size=measured_size,
        learning_rate=min(config.learning_rate, 1e-4),
        epochs=1_000_000,
        evaluate_each_epoch=False,
        validation=0,
        keep_best=False,
        patience=0,
        time_limit=0.0,
    )
    images = made_up(min(train_images, _MOST_TRAINING_IMAGES), min(test_images, BATCH), classes)
    control = Control()
    watch = _Watch(control, seconds, measured_size, len(images.train))
    began = seconds()
    model = train(endless, images, watch, control, seconds=seconds).model
    image = seconds_per_image(watch.marks)
    step = optimizer_seconds(endless, classes, device, seconds) if measured_size < size else 0.0
    first, trained = watch.marks[0]
    return Figures(
        preparing=max(0.0, first - began - trained * image),
        image=max(0.0, image - step / measured_size),
        step=step,
        look=seconds_per_look(endless, model, images.test, device, seconds),
    )


def seconds_per_image(marks: Sequence[tuple[float, int]]) -> float:
    """Return how long one image takes, from times in order and the images that were trained on until then.

    The start is left out, as warming up.
    """
    last, images = marks[-1]
    begin = marks[0][0] + _WARM_UP * (last - marks[0][0])
    since, before = next(mark for mark in marks if mark[0] >= begin)
    return (last - since) / (images - before)


def seconds_per_look(
    config: TrainingConfig, model: nn.Module, split: Split, device: torch.device, seconds: Seconds
) -> float:
    """Return how long one view of an image takes in an evaluation."""
    with (
        devices.working_on(device),
        multiplying_in(config.precision, config.deterministic),
        convolving(config, device),
    ):

        def looking(count: int) -> list[float]:
            images = ResidentImages(Split(split.images[:count], split.labels[:count]), device, layout(config, device))
            times: list[float] = []
            until = seconds() + _LOOKING_SECONDS
            while len(times) < _FEWEST_EVALUATIONS or seconds() < until:
                began = seconds()
                predict(model, images, config.precision, views=config.test_views)
                times.append((seconds() - began) / (len(images) * config.test_views))
            return times

        looks = looking(BATCH // config.test_views)
        # More at once take longer each where they do not fit into a cache. That matters only if they take no time.
        if config.test_views > 1 and BATCH * config.test_views * looks[-1] < _LOOKING_SECONDS / 2:
            looks = looking(BATCH)
        return statistics.median(looks)


def optimizer_seconds(config: TrainingConfig, classes: int, device: torch.device, seconds: Seconds) -> float:
    """Return how long the optimizer's step takes, the shortest of a few."""
    recipe, *_ = learner(config, models.build(config.model, classes, config.width), device)
    gradients = [torch.randn_like(parameter) for parameter in recipe.parameters]
    times: list[float] = []
    for _ in range(_OPTIMIZER_STEPS):
        began = seconds()
        recipe.step(gradients)
        times.append(seconds() - began)
    return min(times)


def made_up(train_images: int, test_images: int, classes: int) -> ImageSet:
    """Return noise with random labels, as large as a real set. A thousand images repeat, so it is made at once."""
    random = np.random.default_rng(0)
    some = random.integers(0, 256, (1000, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)

    def split(count: int) -> Split:
        return Split(np.resize(some, (count, *some.shape[1:])), random.integers(0, classes, count))

    names = tuple(f"class {number}" for number in range(classes))
    return ImageSet("made-up images", "", names, split(train_images), split(test_images), "")


class _Watch:
    """The contract of `engine.record.events.Report`: takes the time, and stops training after a while."""

    def __init__(self, control: Control, seconds: Seconds, batch_size: int, images: int) -> None:
        self.marks: list[tuple[float, int]] = []
        """When losses came, and how many images had been trained on by then."""
        self._control, self._seconds, self._batch_size, self._images = control, seconds, batch_size, images
        self._iterations, self._batches = 0, math.ceil(images / batch_size)

    def event(self, event: Event) -> None:
        pass

    def losses(self, values: NDArray[np.float32]) -> None:
        self._iterations += len(values)
        epochs, batches = divmod(self._iterations, self._batches)
        self.marks.append((self._seconds(), epochs * self._images + batches * self._batch_size))
        if len(self.marks) >= _FEWEST and self.marks[-1][0] - self.marks[0][0] >= _SECONDS:
            self._control.ask(Leave())  # without an evaluation
