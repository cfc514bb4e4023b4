"""Steps whose operations are sent to the device one by one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from engine.recipe.recipe import Recipe
from engine.training.resident import ResidentImages
from engine.training.steps.by_hand import Step
from engine.training.steps.recognised import Recognised

_AHEAD = 256
"""Images that are converted at once on a processor: eight batches of 32, which fit into its cache."""


class EagerSteps:
    """The contract of `engine.training.steps.choose.Steps`."""

    def __init__(self, step: Step, images: ResidentImages, batch_size: int, recipe: Recipe, classes: int) -> None:
        self._step, self._images, self._batch_size = step, images, batch_size
        self._rates, device = recipe.optimizer.rates, recipe.parameters[0].device
        # Asking a GPU for a loss waits until it has finished, so several losses are asked for at once.
        self._stride = 1 if images.device.type == "cpu" else max(1, min(32, 4096 // batch_size))
        self._order, self._done = torch.empty(0, dtype=torch.int64), 0
        self._all_rates: Sequence[Tensor] = ()
        """Of each batch of the epoch."""
        self._recognised = Recognised(len(images), classes, device)

    def epoch(self, order: Tensor, rates: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        self._order, self._done = order, done * self._batch_size
        self._recognised.begin(self._done)
        self.change_rates(rates)
        batches = enumerate(self._batches(order[self._done :]), done)
        while losses := [self._train(number, *batch) for number, batch in islice(batches, self._stride)]:
            yield torch.stack(losses).float().cpu().numpy()

    def change_rates(self, rates: Tensor) -> None:
        self._all_rates = rates.to(self._rates).unbind()

    def recognised(self) -> int:
        return self._recognised.count(self._images.labels(self._order), self._done)

    def _train(self, number: int, inputs: Tensor, labels: Tensor) -> Tensor:
        self._rates.copy_(self._all_rates[number])
        loss, logits = self._step(inputs, labels)
        end = self._done + len(labels)
        self._recognised.logits[self._done : end] = logits
        self._done = end
        return loss

    def _batches(self, order: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
        several = max(1, _AHEAD // self._batch_size) * self._batch_size
        for start in range(0, len(order), several):
            inputs, labels = self._images.batch(order[start : start + several].to(self._images.device))
            yield from zip(torch.split(inputs, self._batch_size), torch.split(labels, self._batch_size), strict=True)
