"""The notebook's training loop, on images that are in memory.

Read it beside the notebook: seed, network, loss, optimizer, epochs, batches and evaluation stand in the same
order. With the same seed it gives the same numbers, and on a processor with the same thread count the same bits. `run`
takes what a run adds to the notebook: it reports, counts, waits in pauses, stops, and keeps checkpoints.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import models
from engine.config import TrainingConfig
from engine.data.imageset import ImageSet
from engine.hardware.precision import autocast
from engine.recipe.recipe import Recipe
from engine.training.comparison import unlike_the_processor
from engine.training.layout import has_the_notebooks_bits, layout
from engine.training.order import shuffled
from engine.training.predict import predict
from engine.training.reporter import Reporter
from engine.training.resident import ResidentImages
from engine.training.shape import check_shape
from engine.training.steps.by_hand import Step, by_hand
from engine.training.steps.choose import steps_on
from engine.training.threads import set_threads


@dataclass(frozen=True)
class Trained:
    """What a run leaves in memory."""

    model: nn.Module
    predictions: NDArray[np.int64] | None
    """The class index predicted for every test image, shape (n,); None if the last evaluation was left out."""


def train(config: TrainingConfig, images: ImageSet, run: Reporter, device: torch.device) -> Trained:
    """Train the network that `config` names until all epochs are done or the run is asked to stop."""
    torch.manual_seed(config.seed)
    model = models.build(config.model, len(images.classes))
    check_shape(model, len(images.classes))
    recipe, plain, step = learner(config, model, device)
    laid_out = layout(config, device)
    if device.type == "cpu":
        set_threads(config.threads, step, model, recipe.optimizer, config.batch_size, laid_out)
    run.begin(model, recipe.optimizer, device)
    train_images = ResidentImages(images.train, device, laid_out, as_bytes=step is not plain)
    test_images = ResidentImages(images.test, device, laid_out)
    if device.type == "mps" and (problem := unlike_the_processor(train_on_batch, model, config, train_images)):
        run.notice(problem)
    steps = steps_on(train_images, step, model, recipe.optimizer, config.batch_size, run.notice)

    def evaluate() -> NDArray[np.int64] | None:
        with run.evaluating():
            predictions = predict(model, test_images, config.precision, run.evaluation_goes_on)
        run.evaluated(predictions)
        return predictions

    predictions = None
    for _ in run.epochs():
        with run.training():
            model.train()
            for losses in steps.epoch(shuffled(len(train_images)), run.batch):
                run.trained(losses)
                if not run.goes_on():
                    break
        if config.evaluate_each_epoch and not run.stopping:
            predictions = evaluate()
    if not run.is_evaluated:
        predictions = evaluate()
    run.finished()
    return Trained(model, predictions)


def learner(config: TrainingConfig, model: nn.Module, device: torch.device) -> tuple[Recipe, Step, Step]:
    """Move `model` to `device`. Return its recipe, the step that trains it on a batch, and the fastest such step."""
    fused = device.type in ("cpu", "cuda") and not has_the_notebooks_bits(config, device)
    model.to(device).to(memory_format=layout(config, device))
    recipe = Recipe(model, config.learning_rate, fused=fused)
    plain = partial(train_on_batch, model, recipe, config.precision)
    return recipe, plain, by_hand(plain, model, recipe, config)


def train_on_batch(model: nn.Module, recipe: Recipe, precision: str, inputs: Tensor, labels: Tensor) -> Tensor:
    """The body of the notebook's inner loop. Returns the batch's loss, a scalar on the device."""
    with autocast(precision, inputs.device):
        loss: Tensor = recipe.criterion(model(inputs), labels)
    # As `loss.backward()`, but the gradients are handed over: nothing is zeroed and added up in between.
    gradients = torch.autograd.grad(loss, recipe.parameters, materialize_grads=True)
    recipe.optimizer.step(gradients)
    return loss.detach()
