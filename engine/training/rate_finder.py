"""The learning-rate finder: a hundred iterations, each at a higher rate (Smith, 2017, arXiv 1506.01186)."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import count

import numpy as np
import torch

from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.errors import Stopped, TrainingError
from engine.hardware import device as devices
from engine.hardware.memory import keep_freed_memory
from engine.hardware.precision import multiplying_in
from engine.record.rates import RATES, RateCurve
from engine.storage.checkpoint import Checkpoint
from engine.training import alone
from engine.training.failures import reported
from engine.training.layout import convolving
from engine.training.loop import Preparation
from engine.training.order import shuffled
from engine.training.restore import begin_with
from engine.training.validation import Splits, hold_out


def find_rate(
    config: TrainingConfig,
    images: ImageSet,
    show: Callable[[RateCurve], object],
    control: Control,
    origin: Checkpoint | None = None,
) -> RateCurve:
    """Train as the run of `config` on `images` begins, at the rates `RATES`; its schedule and rate are left out.

    `origin` is the checkpoint that the run would begin with.

    Ends early once the smoothed loss has diverged or a loss is not finite; that loss is left out. `show` is called with
    the curve so far. Nothing of it remains: torch's generators, threads and settings are put back.

    Raises `Stopped` after an iteration if `control` was asked to stop, `ConstantError` as a training does, and
    `TrainingError` if training fails or if a run is training in this process.
    """
    keep_freed_memory()
    splits = hold_out(images, config.validation, config.seed)
    device = devices.usable(config.device, config.precision)
    with alone.measuring(wait=True) as is_free:
        if not is_free:
            raise TrainingError("A run is training here, and both would be slow. Find the rate when it has ended.")
        with (
            _put_back(device),
            devices.working_on(device),
            multiplying_in(config.precision, config.deterministic),
            convolving(config, device),
            reported(lambda failure: None, config),
        ):
            curve = RateCurve()
            for loss in _losses(config, splits, device, control, origin):
                if not math.isfinite(loss):
                    break
                curve = RateCurve((*curve.losses, loss))
                show(curve)
                if curve.diverged:
                    break
    return RateCurve(curve.losses, ended=True)


def _losses(
    config: TrainingConfig, images: Splits, device: torch.device, control: Control, origin: Checkpoint | None
) -> Iterator[float]:
    """Yield the loss of each iteration. On a GPU some are made together, so a few more may be made than are taken."""
    _check(control)
    prepared = Preparation(config, images, device)
    if origin is not None:
        begin_with(origin, prepared.model, prepared.recipe)
    train_images = prepared.train_images()
    steps = prepared.steps(train_images, lambda text: None)
    groups = len(prepared.recipe.optimizer.rates)
    prepared.model.train()
    for epoch in count(1):
        rates = RATES[(epoch - 1) * prepared.batches :][: prepared.batches]
        if not len(rates):
            return
        # Steps want the rates of a whole epoch. Those after the last iteration are never used.
        padded = np.pad(rates, (0, prepared.batches - len(rates)), mode="edge")
        order = shuffled(len(train_images))
        train_images.draw(epoch)
        left = len(rates)
        for losses in steps.epoch(order, torch.from_numpy(padded)[:, None].expand(-1, groups)):
            _check(control)
            yield from losses[:left].tolist()
            left -= len(losses)
            if left <= 0:
                break


def _check(control: Control) -> None:
    if control.stops:
        raise Stopped("A stop was asked for while the learning rate was looked for.")


@contextmanager
def _put_back(device: torch.device) -> Iterator[None]:
    """Put back the states of torch's generators and its thread count at the end."""
    threads = torch.get_num_threads()
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        try:
            yield
        finally:
            torch.set_num_threads(threads)
