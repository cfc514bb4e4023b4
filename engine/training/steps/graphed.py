"""Steps on a CUDA GPU that are recorded as a graph: one launch for some dozens of iterations instead of sixty for one.

A small network is done with an iteration before the processor has launched the next kernel. So whole steps (picking the
batch, forward, backward, optimizer) are recorded once and replayed. Everything that changes from step to step lies on
the GPU: the position in the epoch, the optimizer's counters, the learning rate. The processor only asks for losses,
those of some milliseconds at once.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.recipe.optimizers import Optimizer
from engine.training.resident import ResidentImages
from engine.training.steps.recording import Record, Recorder, Replay
from engine.training.trial import undone

SEVERAL = 32
"""Most steps in one graph. A launch takes some microseconds of the processor, as long as a short step of the GPU."""

_WARM_UP_STEPS = 3
"""In their first steps libraries choose kernels and allocate memory, which must not be recorded."""

_WAIT = 0.02
"""Seconds of work that are launched at once: a stop waits no longer, and the GPU seldom has to wait for the next."""


class GraphedSteps:
    """The contract of `engine.training.steps.choose.Steps`, recorded. `optimizer` must be fused.

    Raises `RuntimeError` if the driver or the network cannot be recorded. The weights are then as they were.
    """

    def __init__(
        self,
        step: Callable[[Tensor, Tensor], Tensor],
        images: ResidentImages,
        batch_size: int,
        model: nn.Module,
        optimizer: Optimizer,
        record: Record | None = None,
        several: int = SEVERAL,
    ) -> None:
        device = images.device
        self._step, self._images, self._batch_size = step, images, batch_size
        self._full, self._rest = divmod(len(images), batch_size)
        """The number of batches of `batch_size`, and the images of a smaller last one."""
        self._batches = self._full + (self._rest > 0)
        self._several = max(1, min(several, 4096 // batch_size, self._full))
        self._stride = 4 * self._several
        """Batches that are launched at once."""

        self._order = torch.arange(len(images), device=device)
        self._batch = torch.zeros(1, dtype=torch.int64, device=device)
        self._losses = torch.zeros(self._batches, device=device)
        self._offsets = torch.arange(self._several, device=device)
        self._finished = torch.cuda.Event(blocking=True) if device.type == "cuda" else None  # type: ignore[no-untyped-call]

        kinds = {(1, batch_size), (self._several, batch_size)} if self._full else set()
        if self._rest:
            kinds.add((1, self._rest))
        record = record or Recorder()
        with undone(model, optimizer):
            model.train()
            for size in {size for _, size in kinds}:
                for _ in range(_WARM_UP_STEPS):
                    self._batch.zero_()
                    self._next(1, size)
        self._replays: dict[tuple[int, int], Replay] = {}
        """What was recorded, by the number of steps and of images in each."""
        for kind in kinds:
            self._batch.zero_()
            self._replays[kind] = record(partial(self._next, *kind))

    def epoch(self, order: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        self._order.copy_(order)
        self._batch.fill_(done)
        while done < self._batches:
            end = min(done + self._stride, self._batches)
            began = time.perf_counter()
            losses = self._train(done, end)
            if end - done == self._stride:
                self._stride = self._next_stride(time.perf_counter() - began)
            done = end
            yield losses

    def _next_stride(self, seconds: float) -> int:
        """Return how many batches to launch at once, given the time that `_stride` of them took."""
        fitting = int(self._stride * min(2.0, max(0.25, _WAIT / seconds)))
        return max(1, fitting - fitting % self._several if fitting > self._several else fitting)

    def _train(self, start: int, end: int) -> NDArray[np.float32]:
        """Train on the batches from `start` to before `end`, and return their losses."""
        batch = start
        while batch < end:
            size = self._batch_size if batch < self._full else self._rest
            steps = self._several if batch + self._several <= min(end, self._full) else 1
            self._replays[steps, size]()
            batch += steps
        if self._finished is not None:
            # A plain copy would wait for the GPU with a core at full load. This event sleeps.
            self._finished.record()
            self._finished.synchronize()
        return self._losses[start:end].to("cpu", copy=True).numpy()

    def _next(self, steps: int, size: int) -> None:
        """Train on the next batches, `steps` of them with `size` images each. Only the device knows which they are."""
        # Row i of this view has the images from batch i on, so one operation picks the images of all steps.
        indices = self._order.unfold(0, steps * size, 1)[:: self._batch_size].index_select(0, self._batch).view(-1)
        losses = [self._step(*self._images.batch(batch)) for batch in torch.split(indices, size)]
        self._losses.index_copy_(0, self._batch + self._offsets[:steps], torch.stack(losses).float())
        self._batch.add_(steps)
