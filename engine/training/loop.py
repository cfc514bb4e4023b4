"""The notebook's training loop, on images that are in memory.

Read it beside the notebook: seed, network, loss, optimizer, epochs, batches and evaluation stand in the same
order. With the same seed it gives the same numbers, and on a processor with the same thread count the same bits. `run`
takes what a run adds to the notebook: it reports, counts, waits in pauses, stops, and keeps checkpoints.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import models
from engine.config import TrainingConfig
from engine.distributed.group import Group
from engine.hardware.precision import autocast
from engine.recipe import augmentations
from engine.recipe.recipe import Recipe
from engine.record.events import SplitName
from engine.training.comparison import unlike_the_processor
from engine.training.layout import has_the_notebooks_bits, layout
from engine.training.order import shuffled
from engine.training.parallel.steps import ParallelSteps
from engine.training.predict import predict
from engine.training.reporter import Reporter
from engine.training.resident import ResidentImages, as_floats
from engine.training.shape import check_shape
from engine.training.steps.by_hand import Step, by_hand
from engine.training.steps.choose import Steps, steps_on
from engine.training.threads import set_threads
from engine.training.validation import Splits


class Preparation:
    """What comes before the first step: seed, network and recipe; then the images, and steps that train on them.

    Training and the learning-rate finder begin with it. `images` are those of the run.
    """

    def __init__(
        self, config: TrainingConfig, images: Splits, device: torch.device, group: Group | None = None
    ) -> None:
        """`group` are the processes that train together; None if this one trains alone."""
        self._config, self._images, self._device, self._group = config, images, device, group
        torch.manual_seed(config.seed)
        self.model = models.build(config.model, len(images.classes), config.width)
        check_shape(self.model, len(images.classes))
        models.set_up(self.model, lambda: as_floats(images.train))
        self.batches = math.ceil(len(images.train) / config.batch_size)
        """Iterations of an epoch."""
        self.recipe, self._plain, self._step = learner(config, self.model, device, self.batches)
        self.layout, sharing = layout(config, device), 1
        if group is not None:
            self._step, sharing = self._plain, group.place.size_here
        if device.type == "cpu":
            set_threads(config.threads, self._step, self.model, self.recipe, config.batch_size, self.layout, sharing)

    def train_images(self) -> ResidentImages:
        """Put the training images on the device."""
        return ResidentImages(
            self._images.train,
            self._device,
            self.layout,
            as_bytes=self._step is not self._plain,
            augmentation=augmentations.build(self._config.augmentation),
            seed=self._config.seed,
        )

    def steps(self, train_images: ResidentImages, notice: Callable[[str], None]) -> Steps:
        """Return the fastest steps on `train_images` here. `notice` is called with what is wrong with them."""
        config, model = self._config, self.model
        if self._group is not None:
            return self.parallel_steps(train_images, self._group)
        if self._device.type == "mps" and (
            problem := unlike_the_processor(train_on_batch, model, config, train_images)
        ):
            notice(problem)
        classes = len(self._images.classes)
        return steps_on(train_images, self._step, model, self.recipe, config.batch_size, classes, notice)

    def parallel_steps(self, train_images: ResidentImages, group: Group) -> ParallelSteps:
        """Return the steps that the processes of `group` make together."""
        config = self._config
        return ParallelSteps(group, self.model, self.recipe, config.precision, train_images, config.batch_size)


def learner(
    config: TrainingConfig, model: nn.Module, device: torch.device, batches: int = 1
) -> tuple[Recipe, Step, Step]:
    """Move `model` to `device`. Return its recipe, the step that trains it on a batch, and the fastest such step.

    `batches` are the iterations of an epoch.
    """
    fused = device.type in ("cpu", "cuda") and not has_the_notebooks_bits(config, device)
    model.to(device).to(memory_format=layout(config, device))
    recipe = Recipe(model, config, batches=batches, fused=fused)
    plain = partial(train_on_batch, model, recipe, config.precision)
    return recipe, plain, by_hand(plain, model, recipe, config)


@dataclass(frozen=True)
class Trained:
    """What a run leaves in memory."""

    model: nn.Module
    """The network with the weights that were evaluated last."""
    predictions: NDArray[np.int64] | None
    """The class index predicted for every test image, shape (n,); None if the last evaluation was left out."""


def train(
    config: TrainingConfig, images: Splits, run: Reporter, device: torch.device, group: Group | None = None
) -> Trained:
    """Train the network that `config` names until all epochs are done or the run is asked to stop.

    This process leads `group`, if there is one.
    """
    prepared = Preparation(config, images, device, group)
    model, recipe, batches = prepared.model, prepared.recipe, prepared.batches

    def evaluate_now() -> None:
        evaluate(images.measured_name)
        model.train()

    run.begin(model, recipe, device, evaluate_now)
    train_images = prepared.train_images()
    measured_images = ResidentImages(images.measured, device, prepared.layout)
    test_images = ResidentImages(images.test, device, prepared.layout) if images.validation else measured_images
    steps = prepared.steps(train_images, run.notice)

    def evaluate(split: SplitName, views: int = 1) -> NDArray[np.int64] | None:
        of = test_images if split == "test" else measured_images
        with recipe.evaluating():
            with run.evaluating(split, len(of)):
                found = predict(model, of, config.precision, run.evaluation_goes_on, views=views)
            run.evaluated(found, split, views, model)
        return found.classes if found else None

    predictions = None
    for epoch in run.epochs():
        with run.training(steps.recognised):
            model.train()
            order = shuffled(len(train_images))
            train_images.draw(epoch)
            changes = recipe.course.changes
            for losses in steps.epoch(order, recipe.rates((epoch - 1) * batches, batches), run.batch):
                run.trained(losses)
                if not run.goes_on():
                    break
                if recipe.course.changes is not changes:
                    changes = recipe.course.changes
                    steps.change_rates(recipe.rates((epoch - 1) * batches, batches))
        if config.evaluate_each_epoch and not run.stopping:
            is_last = epoch == run.planned and images.validation is None
            predictions = evaluate(images.measured_name, config.test_views if is_last else 1)
    run.ends()
    recipe.settle(model, run.best.weights)
    if not run.is_evaluated:
        predictions = evaluate("test", config.test_views)
    run.finished()
    return Trained(model, predictions)


def train_on_batch(
    model: nn.Module, recipe: Recipe, precision: str, inputs: Tensor, labels: Tensor
) -> tuple[Tensor, Tensor]:
    """The body of the notebook's inner loop. Returns the batch's loss, a scalar on the device, and its logits."""
    with autocast(precision, inputs.device):
        logits = model(inputs)
        loss: Tensor = recipe.criterion(logits, labels)
    # As `loss.backward()`, but the gradients are handed over: nothing is zeroed and added up in between.
    gradients = torch.autograd.grad(loss, recipe.parameters, materialize_grads=True)
    recipe.step(gradients)
    return loss.detach(), logits.detach()
