"""Training steps on a CUDA GPU as a recorded graph: one launch an iteration instead of sixty.

An iteration of so small a network is over before the processor has launched the next kernel. So the whole step (picking
the batch, forward, backward, Adam, keeping the loss) is recorded once and replayed; all that a step needs to know of
its place in the epoch lies on the GPU and is counted on there. The processor only asks for losses, some dozens at once.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.recipe.adam import BETAS, EPSILON, flatten
from engine.training.resident import ResidentImages
from engine.training.steps.eager import step

_WARM_UP_STEPS = 3
"""Libraries choose their kernels and take their memory in the first steps, which must not be recorded."""

Record = Callable[[Callable[[], None]], Callable[[], object]]
"""Turns something to do, which was done before, into something that does it again."""


class GraphedSteps:
    """The contract of `engine.training.steps.eager.Steps`, replayed.

    Raises `RuntimeError` where the driver or the network does not let itself be recorded; the weights are then as they
    were.
    """

    def __init__(
        self,
        model: nn.Module,
        images: ResidentImages,
        batch_size: int,
        learning_rate: float,
        precision: str = "float32",
        record: Record | None = None,
    ) -> None:
        device = images.device
        self._model, self._images, self._precision = model, images, precision
        self._criterion = nn.CrossEntropyLoss()
        self._optimizer = _FusedAdam(flatten(model), learning_rate)
        self._stream = torch.cuda.Stream(device) if device.type == "cuda" else None  # type: ignore[no-untyped-call]
        self._batch_size = batch_size
        self._batches = -(-len(images) // batch_size)
        self._stride = max(1, min(128, 4096 // batch_size))  # some milliseconds: a stop need not wait for more
        self._done = self._batches

        self._order = torch.arange(len(images), device=device)
        self._batch = torch.zeros(1, dtype=torch.int64, device=device)
        self._losses = torch.zeros(self._batches, device=device)
        self._positions = torch.arange(min(batch_size, len(images)), device=device)

        last = len(images) - (self._batches - 1) * batch_size
        sizes = {last} if self._batches == 1 else {last, batch_size}
        record = record or self._record
        with self._on_stream():
            self._warm_up(sizes)
            replays = {size: record(lambda size=size: self._step(size)) for size in sizes}  # type: ignore[misc]
        self._replay_last, self._replay = replays[last], replays.get(batch_size, replays[last])

    @property
    def left(self) -> int:
        return self._batches - self._done

    def begin(self, order: Tensor, done: int = 0) -> None:
        with self._on_stream():
            self._order.copy_(order)
            self._batch.fill_(done)
        self._done = done

    def advance(self) -> NDArray[np.float32]:
        start, self._done = self._done, min(self._done + self._stride, self._batches)
        with self._on_stream():
            for batch in range(start, self._done):
                (self._replay_last if batch == self._batches - 1 else self._replay)()
            if self._stream is not None:
                # A plain copy would wait for the GPU with a core at full load; this event sleeps.
                finished = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
                finished.record()
                finished.synchronize()
            return self._losses[start : self._done].to("cpu", copy=True).numpy()

    def optimizer_state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def restore_optimizer(self, state: dict[str, Tensor]) -> None:
        self._optimizer.restore(state)

    def _step(self, size: int) -> None:
        """The next batch, of `size` images; where it stands in the epoch only the device knows."""
        indices = self._order[self._batch * self._batch_size + self._positions[:size]]
        inputs, labels = self._images.batch(indices)
        loss = step(self._model, self._criterion, self._optimizer, inputs, labels, self._precision)
        self._losses.index_copy_(0, self._batch, loss.float().view(1))
        self._batch.add_(1)

    def _warm_up(self, sizes: set[int]) -> None:
        """Let libraries choose their kernels and take their memory, and leave everything as it was."""
        self._model.train()
        kept = [*self._model.parameters(), *self._model.buffers()]
        before = [tensor.detach().clone() for tensor in kept]
        try:
            for size in sizes:
                for _ in range(_WARM_UP_STEPS):
                    self._batch.zero_()
                    self._step(size)
        finally:
            with torch.no_grad():
                for tensor, value in zip(kept, before, strict=True):
                    tensor.copy_(value)
            self._optimizer.forget()
            self._batch.zero_()

    def _record(self, run: Callable[[], None]) -> Callable[[], object]:
        graph = torch.cuda.CUDAGraph()
        # Other threads may use CUDA while this one records: only what this one does wrong counts.
        with torch.cuda.graph(graph, stream=self._stream, capture_error_mode="thread_local"):
            run()
        return graph.replay

    def _on_stream(self) -> AbstractContextManager[object]:
        return nullcontext() if self._stream is None else torch.cuda.stream(self._stream)


class _FusedAdam:
    """torch's fused Adam, one kernel for one flat parameter, counting its steps on the device."""

    def __init__(self, parameter: nn.Parameter, learning_rate: float) -> None:
        assert parameter.grad is not None
        self._gradient, self._parameter = parameter.grad, parameter
        self._adam = torch.optim.Adam(
            [parameter],
            lr=learning_rate,
            betas=BETAS,
            eps=EPSILON,
            fused=True,
            capturable=parameter.device.type == "cuda",
        )

    def zero_grad(self) -> None:
        self._gradient.zero_()

    def step(self) -> None:
        self._adam.step()

    def state(self) -> dict[str, Tensor]:
        return dict(self._adam.state[self._parameter])

    def restore(self, state: dict[str, Tensor]) -> None:
        # In place: a recorded step goes on with these very tensors.
        for name, tensor in self.state().items():
            tensor.copy_(state[name])

    def forget(self) -> None:
        for tensor in self.state().values():
            tensor.zero_()
