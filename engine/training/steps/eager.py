"""Training steps: "go on by so many batches, and tell their losses", one at a time or replayed on a GPU.

`step` is the body of the notebook's loop. `EagerSteps` runs it as it stands there; `graphed` records it once on
a GPU and replays it. Both keep the contract of `Steps`, so the loop in `engine.training.loop` knows no difference.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from itertools import islice
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.recipe.adam import Adam, flatten
from engine.training.resident import ResidentImages

_AHEAD = 256
"""Images that are made ready at once on a processor: eight batches of 32, which stay in the cache until their turn."""


class Optimizer(Protocol):
    """As much of an optimizer as a step takes."""

    def zero_grad(self) -> None: ...

    def step(self) -> object: ...


def step(
    model: nn.Module, criterion: nn.Module, optimizer: Optimizer, inputs: Tensor, labels: Tensor, precision: str
) -> Tensor:
    """One iteration on a batch, as the notebook has it. The loss, a scalar on the device."""
    optimizer.zero_grad()
    with computing_in(precision, inputs.device):
        loss: Tensor = criterion(model(inputs), labels)
    loss.backward()  # type: ignore[no-untyped-call]
    optimizer.step()
    return loss.detach()


def computing_in(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """Where `precision` is bfloat16, the operations that bear it compute in it: torch's autocast."""
    if precision == "bfloat16":
        # The cache would hold on to weights that a recorded step changes without telling it.
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)
    return nullcontext()


class Steps(Protocol):
    """The steps of one run, epoch by epoch."""

    def begin(self, order: Tensor, done: int = 0) -> None:
        """Take up an epoch that shows the images in `order` (n,) int64; its first `done` batches are behind us."""

    @property
    def left(self) -> int:
        """Batches of this epoch that are still to come."""

    def advance(self) -> NDArray[np.float32]:
        """Train on the next batch, or the next few where they go faster together; their losses in order, float32.

        The epoch's last batch may be shorter. Returns when the device has done its work. Only called while `left`.
        """

    def optimizer_state(self) -> dict[str, Tensor]:
        """What the optimizer remembers, on whatever device."""

    def restore_optimizer(self, state: dict[str, Tensor]) -> None:
        """Go on from what `optimizer_state` told, here or of other steps."""


class EagerSteps:
    """Each operation is sent to the device when its turn comes."""

    def __init__(
        self,
        model: nn.Module,
        images: ResidentImages,
        batch_size: int,
        learning_rate: float,
        precision: str = "float32",
    ) -> None:
        self._model, self._images, self._batch_size, self._precision = model, images, batch_size, precision
        self._criterion = nn.CrossEntropyLoss()
        self._optimizer = Adam(flatten(model), learning_rate)
        # A GPU would wait for the processor at every loss that is asked for.
        self._stride = 1 if images.device.type == "cpu" else max(1, min(32, 4096 // batch_size))
        self._batches: Iterator[tuple[Tensor, Tensor]] = iter(())
        self.left = 0

    def begin(self, order: Tensor, done: int = 0) -> None:
        to_come = order[done * self._batch_size :]
        self.left = -(-len(to_come) // self._batch_size)
        self._batches = self._made_ready(to_come)

    def _made_ready(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        several = max(1, _AHEAD // self._batch_size) * self._batch_size
        for indices in torch.split(order, several):
            inputs, labels = self._images.batch(indices.to(self._images.device))
            yield from zip(torch.split(inputs, self._batch_size), torch.split(labels, self._batch_size), strict=True)

    def advance(self) -> NDArray[np.float32]:
        losses = [
            step(self._model, self._criterion, self._optimizer, inputs, labels, self._precision)
            for inputs, labels in islice(self._batches, self._stride)
        ]
        self.left -= len(losses)
        return torch.stack(losses).float().cpu().numpy()

    def optimizer_state(self) -> dict[str, Tensor]:
        return self._optimizer.state()

    def restore_optimizer(self, state: dict[str, Tensor]) -> None:
        self._optimizer.restore(state)
