"""Steps on a CUDA GPU that are recorded as a graph: one launch an iteration instead of sixty.

A small network is done with an iteration before the processor has launched the next kernel. So the whole step (picking
the batch, forward, backward, optimizer, keeping the loss) is recorded once and replayed. Everything that changes from
step to step lies on the GPU: the position in the epoch, the optimizer's counters, the learning rate. The processor only
asks for losses, some dozens at once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.recipe.optimizers import Optimizer
from engine.training.resident import ResidentImages
from engine.training.trial import undone

_WARM_UP_STEPS = 3
"""In their first steps libraries choose kernels and allocate memory, which must not be recorded."""

Record = Callable[[Callable[[], None]], Callable[[], object]]
"""Records what a function does on the GPU, and returns a function that does it again."""


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
    ) -> None:
        device = images.device
        self._step, self._images, self._batch_size = step, images, batch_size
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._batches = -(-len(images) // batch_size)
        self._stride = max(1, min(128, 4096 // batch_size))  # some milliseconds: a stop need not wait longer

        self._order = torch.arange(len(images), device=device)
        self._batch = torch.zeros(1, dtype=torch.int64, device=device)
        self._losses = torch.zeros(self._batches, device=device)
        self._positions = torch.arange(min(batch_size, len(images)), device=device)

        last = len(images) - (self._batches - 1) * batch_size
        sizes = {last} if self._batches == 1 else {last, batch_size}
        record = record or self._record
        with self._on_stream():
            with undone(model, optimizer):
                model.train()
                self._warm_up(sizes)
            replays = {size: record(lambda size=size: self._next(size)) for size in sizes}  # type: ignore[misc]
        self._replay_last, self._replay = replays[last], replays.get(batch_size, replays[last])

    def epoch(self, order: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        with self._on_stream():
            self._order.copy_(order)
            self._batch.fill_(done)
        for start in range(done, self._batches, self._stride):
            yield self._train(start, min(start + self._stride, self._batches))

    def _train(self, start: int, end: int) -> NDArray[np.float32]:
        """Train on the batches from `start` to before `end`, and return their losses."""
        with self._on_stream():
            for batch in range(start, end):
                (self._replay_last if batch == self._batches - 1 else self._replay)()
            if self._stream is not None:
                # A plain copy would wait for the GPU with a core at full load. This event sleeps.
                finished = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
                finished.record()
                finished.synchronize()
            return self._losses[start:end].to("cpu", copy=True).numpy()

    def _next(self, size: int) -> None:
        """Train on the next batch, of `size` images. Only the device knows its position in the epoch."""
        indices = self._order[self._batch * self._batch_size + self._positions[:size]]
        loss = self._step(*self._images.batch(indices))
        self._losses.index_copy_(0, self._batch, loss.float().view(1))
        self._batch.add_(1)

    def _warm_up(self, sizes: set[int]) -> None:
        for size in sizes:
            for _ in range(_WARM_UP_STEPS):
                self._batch.zero_()
                self._next(size)

    def _record(self, run: Callable[[], None]) -> Callable[[], object]:
        graph = torch.cuda.CUDAGraph()
        # Only CUDA calls of this thread that cannot be recorded are errors. Other threads may use CUDA meanwhile.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            run()
        return graph.replay

    def _on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)
