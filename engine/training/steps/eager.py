"""Steps whose operations are sent to the device one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.training.resident import ResidentImages

_AHEAD = 256
"""Images that are converted at once on a processor: eight batches of 32, which fit into its cache."""


class EagerSteps:
    """The contract of `engine.training.steps.choose.Steps`."""

    def __init__(self, step: Callable[[Tensor, Tensor], Tensor], images: ResidentImages, batch_size: int) -> None:
        self._step, self._images, self._batch_size = step, images, batch_size
        # Asking a GPU for a loss waits until it has finished, so several losses are asked for at once.
        self._stride = 1 if images.device.type == "cpu" else max(1, min(32, 4096 // batch_size))

    def epoch(self, order: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        batches = self._batches(order[done * self._batch_size :])
        while losses := [self._step(inputs, labels) for inputs, labels in islice(batches, self._stride)]:
            yield torch.stack(losses).float().cpu().numpy()

    def _batches(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        several = max(1, _AHEAD // self._batch_size) * self._batch_size
        for start in range(0, len(order), several):
            inputs, labels = self._images.batch(order[start : start + several].to(self._images.device))
            yield from zip(torch.split(inputs, self._batch_size), torch.split(labels, self._batch_size), strict=True)
