"""An average of the weights over time, which is often better than the last ones (Polyak and Juditsky, 1992)."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

_HEAD_START = 9
"""The t-th update has a decay of at most (1 + t)/(10 + t), so that the random weights of the start are soon forgotten.

From TensorFlow's `ExponentialMovingAverage`.
"""


class Average:
    """The exponential average of what a network learns and of its floating-point buffers, from their values now on.

    An update moves it by 1 - `decay` of the way to the network's values. An update can be recorded as part of a CUDA
    graph: it counts on the device.
    """

    def __init__(self, model: nn.Module, decay: float) -> None:
        learned = {name: each.detach() for name, each in model.named_parameters() if each.requires_grad}
        measured = {name: each for name, each in model.named_buffers() if each.is_floating_point()}
        self._names, self._values = zip(*(learned | measured).items(), strict=True)
        self._averages = [value.clone() for value in self._values]
        self._updates = torch.zeros((), device=self._values[0].device)
        self._least = 1 - decay

    @torch.no_grad()
    def update(self) -> None:
        """Take the network's values of now into the average."""
        self._updates.add_(1)
        # 1 - min(decay, (1 + t)/(10 + t)), without what a float32 near 1 loses
        part = torch.clamp(_HEAD_START / (self._updates + (1 + _HEAD_START)), min=self._least)
        way = torch._foreach_sub(self._values, self._averages)
        torch._foreach_mul_(way, part)
        torch._foreach_add_(self._averages, way)

    def restart(self) -> None:
        """Begin anew from the network's values of now."""
        self._updates.zero_()
        for value, average in zip(self._values, self._averages, strict=True):
            average.copy_(value)

    @contextmanager
    def applied(self) -> Iterator[None]:
        """Let the network's tensors hold the average, where they lie; at the end they hold what they did."""
        before = [value.clone() for value in self._values]
        with torch.no_grad():
            torch._foreach_copy_(self._values, self._averages)
        try:
            yield
        finally:
            with torch.no_grad():
                torch._foreach_copy_(self._values, before)

    def state(self) -> dict[str, Tensor]:
        """Return copies of the averages and of their count of updates. They do not depend on the layout in memory."""
        averages = (average.clone(memory_format=torch.contiguous_format) for average in self._averages)
        named = {f"average.{name}": average for name, average in zip(self._names, averages, strict=True)}
        return {"updates": self._updates.clone(), **named}

    def restore(self, state: dict[str, Tensor]) -> None:
        """Copy what `state()` returned earlier into this average."""
        self._updates.copy_(state["updates"])
        for name, average in zip(self._names, self._averages, strict=True):
            average.copy_(state[f"average.{name}"])
