"""Steps on a batch of which several processes have a part each: together they do what one process does alone.

The processes have the same network and the same images. The leader runs the loop, and orders each batch, so the others
do what it does: they train, wait in a pause, and end with it. In an iteration

- each takes its part of the batch, in the order and with the augmentation that the leader has drawn;
- batch normalization adds up its sums, so mean and variance are those of the whole batch;
- the gradients, weighed by the sizes of the parts, are added up as one flat tensor, with the loss and the number of
  images that were recognised;
- each makes the optimizer's step, with the same numbers.

A batch with fewer images than there are processes is trained on whole by each of them; the leader's gradients count.
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine.distributed.group import Group
from engine.hardware.precision import autocast
from engine.kernels.normalization import Normalization
from engine.recipe.recipe import Recipe
from engine.training.resident import ResidentImages

_END, _EPOCH, _BATCH = range(3)
"""The leader's orders. The others go; get the network, the order and the augmentation of an epoch; train on a batch."""

_LOSS, _CORRECT = -2, -1
"""Where the flat tensor has the loss and the number of recognised images, behind the gradients."""


class ParallelSteps:
    """The contract of `engine.training.steps.choose.Steps` for the leader; the other processes `follow` it."""

    def __init__(
        self, group: Group, model: nn.Module, recipe: Recipe, precision: str, images: ResidentImages, batch_size: int
    ) -> None:
        """The network and its recipe may differ between the processes in their numbers: the leader's count."""
        self._group, self._model, self._recipe = group, model, recipe
        self._precision, self._images, self._batch_size = precision, images, batch_size
        self._batches = math.ceil(len(images) / batch_size)
        self._layers = [layer for layer in model.modules() if isinstance(layer, Normalization)]
        self._rates = recipe.optimizer.rates
        self._sizes = [parameter.numel() for parameter in recipe.parameters]
        self._flat = torch.zeros(sum(self._sizes) + 2, device=images.device)
        self._gradients = [
            part.as_strided(parameter.shape, parameter.stride())
            for part, parameter in zip(torch.split(self._flat, [*self._sizes, 2])[:-1], recipe.parameters, strict=True)
        ]
        # Asking a GPU for a loss waits until it has finished, so several are asked for at once.
        self._stride = 1 if images.device.type == "cpu" else max(1, min(32, 4096 // batch_size))
        self._order = torch.zeros(len(images), dtype=torch.int64)
        self._all_rates = torch.zeros(self._batches, len(self._rates), dtype=torch.float64)
        """Of each batch of the epoch."""
        self._recognised = torch.zeros((), dtype=torch.float64, device=images.device)
        if group.leads:
            group.at_end = self._end

    def epoch(self, order: Tensor, rates: Tensor, done: int = 0) -> Iterator[NDArray[np.float32]]:
        self._order.copy_(order)
        self._recognised.zero_()
        self.change_rates(rates)
        self._say(_EPOCH)
        self._begin()
        for start in range(done, self._batches, self._stride):
            losses = []
            for batch in range(start, min(start + self._stride, self._batches)):
                self._say(_BATCH, batch)
                losses.append(self._train(batch, self._all_rates[batch]))
            yield torch.stack(losses).cpu().numpy()

    def change_rates(self, rates: Tensor) -> None:
        self._all_rates.copy_(rates)

    def recognised(self) -> int:
        count = int(self._recognised.item())
        self._recognised.zero_()
        return count

    def _end(self) -> None:
        """Let the other processes go."""
        self._say(_END)

    def follow(self) -> None:
        """Train as the leader orders, until it lets this process go. Raises `TrainingError` if the leader is gone."""
        self._model.train()
        order = self._new_order()
        while True:
            self._group.order(order)
            what, batch = int(order[0]), int(order[1])
            if what == _END:
                return
            if what == _EPOCH:
                self._begin()
            else:
                self._train(batch, order[2:])

    def _new_order(self) -> Tensor:
        """What is ordered, the number of the batch in the epoch, and the rate of each group."""
        return torch.zeros(2 + len(self._rates), dtype=torch.float64)

    def _say(self, what: int, batch: int = 0) -> None:
        order = self._new_order()
        order[0], order[1] = what, batch
        if what == _BATCH:
            order[2:] = self._all_rates[batch]
        self._group.order(order)

    def _begin(self) -> None:
        """Take the leader's network and recipe: at the start, and in each epoch, should rounding have differed."""
        state = self._recipe.state()
        on_device = self._order.to(self._images.device)
        self._group.share([*self._model.state_dict().values(), *state.values(), *self._images.drawn, on_device])
        self._recipe.restore(state)
        self._order.copy_(on_device)

    def _train(self, batch: int, rates: Tensor) -> Tensor:
        """Train on a batch with the others, and return its loss, a scalar on the device."""
        self._rates.copy_(rates)
        whole = self._order[batch * self._batch_size : (batch + 1) * self._batch_size]
        part, weight = self._part_of(whole)
        inputs, labels = self._images.batch(part.to(self._images.device))
        with autocast(self._precision, inputs.device):
            logits = self._model(inputs)
            loss: Tensor = self._recipe.criterion(logits, labels) * weight
        gradients = torch.autograd.grad(loss, self._recipe.parameters, materialize_grads=True)
        with torch.no_grad():
            torch._foreach_copy_(self._gradients, list(gradients))
            self._flat[_LOSS] = loss
            self._flat[_CORRECT] = (logits.argmax(dim=1) == labels).sum() * (weight > 0)
            self._group.add_up(self._flat)
            self._recognised += self._flat[_CORRECT]
        self._recipe.step(self._gradients)
        return self._flat[_LOSS].clone()

    def _part_of(self, whole: Tensor) -> tuple[Tensor, float]:
        """Return this process's part of the images of a batch, and the weight of its gradients."""
        place, images = self._group.place, len(whole)
        shared = images >= place.size
        for layer in self._layers:
            layer.together = self._group if shared else None
        if not shared:
            return whole, float(place.leads)
        first, end = (images * rank // place.size for rank in (place.rank, place.rank + 1))
        return whole[first:end], (end - first) / images
