"""The notebook's training loop, on images that are in memory as a whole.

Read it beside the notebook: the device, the network, the loss, the optimizer, the epochs, the batches and the
evaluation stand in the same order under the same names; the body of the inner loop is `steps.eager.step`. With the
same seed they give the same numbers: on a processor, with the same number of threads, bit for bit. That holds because
every operation is the notebook's own or rounds like it; channels-last layout or a fused Adam round otherwise, and Adam
turns a last bit into another run within 100 iterations. What was added watches the run: events, pause and stop.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import models
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import IMAGE_SIZE, ImageSet
from engine.errors import TrainingError
from engine.hardware import device as devices
from engine.hardware.memory import keep_freed_memory
from engine.record.events import Report
from engine.storage.checkpoint import Checkpoint, Position, Save, Snapshot
from engine.text import clean
from engine.training.reporter import Course
from engine.training.resident import ResidentImages
from engine.training.steps.eager import EagerSteps, Steps, computing_in
from engine.training.steps.graphed import GraphedSteps
from engine.training.threads import set_threads

EVALUATION_BATCH = 500
"""Images that are classified at once. Each image's logits do not depend on it."""


@dataclass(frozen=True)
class Trained:
    """What a run leaves in memory."""

    model: nn.Module
    predictions: NDArray[np.int64] | None
    """The class index predicted for every test image, shape (n,); None where the evaluation was skipped."""


def train(
    config: TrainingConfig,
    images: ImageSet,
    report: Report,
    control: Control,
    *,
    save: Save | None = None,
    seconds: Callable[[], float] | None = None,
    start: Checkpoint | None = None,
) -> Trained:
    """Train the network that `config` names on `images`, telling `report` what happens, until done or stopped.

    `save` is handed what the next iteration depends on: at the start, after every epoch, every 30 seconds, before a
    pause and at the end. `seconds` tells the time since the run began. From `start` an interrupted run goes on as if
    it had never been interrupted.

    Raises `ConstantError` for a device that is not there, before anything is reported, and `TrainingError` after
    reporting `Failed` where the training cannot go on.
    """
    device = devices.choose(config.device, config.precision)
    keep_freed_memory()
    torch.manual_seed(config.seed)
    model = models.build(config.model, len(images.classes))
    check_shape(model, len(images.classes))
    if device.type == "cpu":
        set_threads(config.threads, model, config.batch_size)
    run = Course(config, images, report, control, seconds or stopwatch(), start.state if start else None)
    if start is None:
        run.started(count_parameters(model), devices.describe(device))
    else:
        model.load_state_dict(start.model(model.state_dict()))
        run.taken_up(devices.describe(device))
    try:
        with devices.multiplying_in(config.precision):
            return _train(config, images, run, model, device, save, start)
    except (RuntimeError, MemoryError) as error:
        failure = TrainingError(_explained(error, config))
        run.failed(failure)
        raise failure from error
    except TrainingError as failure:
        run.failed(failure)
        raise


def _train(
    config: TrainingConfig,
    images: ImageSet,
    run: Course,
    model: nn.Module,
    device: torch.device,
    save: Save | None,
    start: Checkpoint | None,
) -> Trained:
    model = model.to(device)
    training_images, test_images = ResidentImages(images.train, device), ResidentImages(images.test, device)
    steps = make_steps(config, model, training_images, run)
    predictions = None
    evaluated_at = -1
    first_epoch = 1
    done = 0
    if start is not None:
        first_epoch, done = start.state.position.epoch, start.state.position.batch
        optimizer_state = steps.optimizer_state()
        steps.restore_optimizer(start.optimizer(optimizer_state))
        torch.set_rng_state(start.random(optimizer_state))

    def keep(epoch: int, random: Tensor) -> None:
        if save is not None:
            save(
                Snapshot(
                    position=Position(epoch, run.batches - steps.left, run.iteration),
                    model=model.state_dict(),
                    optimizer=steps.optimizer_state(),
                    random=random,
                    device=devices.describe(device),
                    train_seconds=run.train_seconds,
                    evaluation_seconds=run.evaluation_seconds,
                )
            )

    for epoch in range(first_epoch, config.epochs + 1):
        if start is None or epoch > first_epoch:
            run.epoch_started(epoch)
        model.train()
        keep_here = partial(keep, epoch, torch.get_rng_state())
        steps.begin(shuffled(len(training_images)), done)
        done = 0
        with run.training():
            while steps.left and run.goes_on(keep_here):
                losses = steps.advance()
                run.batches_done(epoch, run.batches - steps.left, losses)
        keep_here()
        if config.evaluate_each_epoch and not run.stopping:
            predictions = evaluate(model, test_images, run, config.precision)
            evaluated_at = run.iteration
        if run.stopping:
            break

    if evaluated_at != run.iteration:
        predictions = evaluate(model, test_images, run, config.precision)
    run.finished(evaluated=predictions is not None)
    return Trained(model, predictions)


def make_steps(config: TrainingConfig, model: nn.Module, images: ResidentImages, run: Course) -> Steps:
    """On a CUDA GPU the steps are recorded and replayed, where that can be had."""
    constants = (model, images, config.batch_size, config.learning_rate, config.precision)
    if images.device.type == "cuda":
        try:
            return GraphedSteps(*constants)
        except RuntimeError as error:
            reason = clean(" ".join(str(error).split())[:200])
            run.notice(f"This training cannot be recorded as a CUDA graph, so it is slower: {reason}")
    return EagerSteps(*constants)


def shuffled(length: int) -> Tensor:
    """One epoch's order of `length` images, int64, drawn as `DataLoader(shuffle=True)` draws it.

    torch/utils/data: making the iterator takes one number from the global generator for its workers, then
    `RandomSampler` takes another, which seeds a generator of its own for the permutation.
    """
    torch.empty((), dtype=torch.int64).random_()
    seed = int(torch.empty((), dtype=torch.int64).random_().item())
    return torch.randperm(length, generator=torch.Generator().manual_seed(seed))


def evaluate(
    model: nn.Module, images: ResidentImages, run: Course, precision: str = "float32"
) -> NDArray[np.int64] | None:
    """The predicted class of every image, shape (n,); None where a second stop cut the evaluation short.

    Takes no random numbers: a run goes on the same whether it was evaluated in between or not.
    """
    model.eval()
    predicted = []
    with run.evaluating(len(images)) as evaluated, torch.inference_mode(), computing_in(precision, images.device):
        for start in range(0, len(images), EVALUATION_BATCH):
            if not run.evaluation_goes_on():
                return None
            inputs, _ = images.batch(slice(start, start + EVALUATION_BATCH))
            predicted.append(model(inputs).argmax(dim=1).cpu())
        predictions: NDArray[np.int64] = torch.cat(predicted).numpy()
        evaluated(images.labels, predictions)
    return predictions


def check_shape(model: nn.Module, classes: int) -> tuple[int, ...]:
    """The notebook's check before any training: 64 images give (64, classes) logits. Returns the logits' shape.

    The images come from a generator of their own, so that the check changes nothing about the run that follows.
    """
    images = torch.randn(64, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    model.eval()
    with torch.inference_mode():
        shape = tuple(model(images).shape)
    if shape != (64, classes):
        raise TrainingError(
            f"The network turns 64 images into an output of shape {shape}, not (64, {classes}): one logit a class."
        )
    return shape


def count_parameters(model: nn.Module) -> int:
    """How many numbers the network learns."""
    return sum(parameter.numel() for parameter in model.parameters())


def stopwatch() -> Callable[[], float]:
    """Tells the seconds since it was made."""
    began = time.monotonic()
    return lambda: time.monotonic() - began


def _explained(error: RuntimeError | MemoryError, config: TrainingConfig) -> str:
    """What torch threw, for a person; torch tells apart too few kinds of errors, so the words have to."""
    text = " ".join(str(error).split("\n\n")[0].split())
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text or "out of memory" in text:
        return (
            f"Out of memory with batches of {config.batch_size:,} images on {config.device}."
            " Try a smaller batch size, or close what else uses the memory."
        )
    if "CUDA" in text or "device" in text:
        return f"The device stopped working: {text[:200]}. What was recorded is kept."
    return f"Training broke off: {text[:200]}"
