"""Steps on a CUDA GPU that are recorded as a graph: one launch an iteration instead of sixty.

A small network is done with an iteration before the processor has launched the next kernel. So a whole step (picking
the batch, forward, backward, optimizer) is recorded once and replayed. Everything that changes from step to step lies
on the GPU: the position in the epoch, the optimizer's counters, the learning rate. The processor only asks for losses,
those of some milliseconds at once.

Several steps in one graph gain nothing: on an H100 an iteration of the notebook's network took 351 µs with one step a
graph and 364 with 32. The GPU was busy for 338 of them.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.recipe.recipe import Recipe
from engine.training.resident import ResidentImages
from engine.training.steps.by_hand import Step
from engine.training.steps.recognised import Recognised
from engine.training.steps.recording import Record, Recorder
from engine.training.trial import undone

_WARM_UP_STEPS = 3
"""In their first steps libraries choose kernels and allocate memory, which must not be recorded."""

_WAIT = 0.02
"""Seconds of work that are launched at once: a stop waits no longer, and the GPU seldom has to wait for the next."""


class GraphedSteps:
    """The contract of `engine.training.steps.choose.Steps`, recorded. The optimizer must be fused.

    Raises `RuntimeError` if the driver or the network cannot be recorded. The weights are then as they were.
    """

    def __init__(
        self,
        step: Step,
        images: ResidentImages,
        batch_size: int,
        model: nn.Module,
        recipe: Recipe,
        classes: int,
        record: Record | None = None,
    ) -> None:
        device = images.device
        self._step, self._images, self._batch_size = step, images, batch_size
        self._batches = -(-len(images) // batch_size)
        self._stride = 16
        """Batches that are launched at once; adapted to their speed."""

        self._order = torch.arange(len(images), device=device)
        self._places = self._order.clone()
        self._batch = torch.zeros(1, dtype=torch.int64, device=device)
        self._losses = torch.zeros(self._batches, device=device)
        self._recognised, self._done = Recognised(len(images), classes, device), 0
        # A rate as a Python float would stay what it was when recorded.
        self._rates = recipe.optimizer.rates
        self._all_rates = self._rates.repeat(self._batches, 1)
        self._finished = torch.cuda.Event(blocking=True) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

        last = len(images) - (self._batches - 1) * batch_size
        sizes = {last} if self._batches == 1 else {last, batch_size}
        record = record or Recorder()
        with undone(model, recipe):
            model.train()
            for size in sizes:
                for _ in range(_WARM_UP_STEPS):
                    self._batch.zero_()
                    self._next(size)
        self._batch.zero_()
        replays = {size: record(partial(self._next, size)) for size in sizes}
        self._replay_last, self._replay = replays[last], replays.get(batch_size, replays[last])

    def epoch(self, order: Tensor, rates: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        self._order.copy_(order)
        self.change_rates(rates)
        self._recognised.begin(done * self._batch_size)
        self._batch.fill_(done)
        while done < self._batches:
            end = min(done + self._stride, self._batches)
            began = time.perf_counter()
            losses = self._train(done, end)
            if end - done == self._stride:
                seconds = time.perf_counter() - began
                self._stride = max(1, int(self._stride * min(4.0, max(0.25, _WAIT / seconds))))
            done = end
            self._done = min(done * self._batch_size, len(self._images))
            yield losses

    def change_rates(self, rates: Tensor) -> None:
        # The graph reads this memory. Between two losses that were yielded nothing runs that could read half of it.
        self._all_rates.copy_(rates)

    def recognised(self) -> int:
        return self._recognised.count(self._images.labels(self._order), self._done)

    def _train(self, start: int, end: int) -> NDArray[np.float32]:
        """Train on the batches from `start` to before `end`, and return their losses."""
        for batch in range(start, end):
            (self._replay_last if batch == self._batches - 1 else self._replay)()
        if self._finished is not None:
            # A plain copy would wait for the GPU with a core at full load. This event sleeps.
            self._finished.record()
            self._finished.synchronize()
        return self._losses[start:end].to("cpu", copy=True).numpy()

    def _next(self, size: int) -> None:
        """Train on the next batch, of `size` images. Only the device knows its position in the epoch."""
        rows = self._order.unfold(0, size, self._batch_size)  # (batches of `size` images, size)
        torch.index_select(self._all_rates, 0, self._batch, out=self._rates.view(1, -1))
        loss, logits = self._step(*self._images.batch(rows.index_select(0, self._batch).view(-1)))
        self._losses.index_copy_(0, self._batch, loss.float().view(1))
        places = self._places.unfold(0, size, self._batch_size).index_select(0, self._batch).view(-1)
        self._recognised.logits.index_copy_(0, places, logits.float())
        self._batch.add_(1)
