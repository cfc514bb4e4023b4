"""Adam (Kingma and Ba, 2014), with the defaults of `torch.optim.Adam` and, on a processor, with its bits.

`torch.optim.Adam` itself is not used: constructing it imports torch._dynamo (1.1 to 2.0 s), and one step on the
notebook's 89,834 parameters took it 229 µs with one thread, where `engine.kernels.adam` takes 90.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.kernels.adam import Moved, move
from engine.recipe.flat import Flat
from engine.recipe.fused import FusedAdam, Parts, by_group, rates_of
from engine.recipe.optimizers import Settings


class Optimizer(Parts):
    """The contract of `engine.recipe.optimizers.Optimizer`."""

    def __init__(self, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> None:
        # Without `fused` the processor computes with the rate, so it lies there whatever the device.
        rates = rates_of(groups, settings.learning_rate, None if fused else torch.device("cpu"))
        super().__init__(rates, by_group(rates, groups, _fused if fused else _Exact))


def _fused(group: Flat, rate: Tensor) -> FusedAdam:
    return FusedAdam(group.parameters, rate)


class _Exact:
    """The arithmetic of `torch.optim.Adam` without `fused`, bit for bit. What it remembers has torch's names."""

    def __init__(self, group: Flat, rate: Tensor) -> None:
        self._flat, self._rate = group, rate
        self._step = torch.zeros(())
        values, exp_avg, exp_avg_sq = group.values, torch.zeros_like(group.values), torch.zeros_like(group.values)
        gradient, root = torch.empty_like(values), torch.empty_like(values)
        self.room = group.views(gradient)
        self._moved = Moved(values, gradient, exp_avg, exp_avg_sq, root)

    def move(self, gradients: list[Tensor]) -> None:
        if gradients[0] is not self.room[0]:
            torch._foreach_copy_(self.room, gradients)
        move(self._moved, self._step.add_(1).item(), self._rate.item())

    def state(self) -> dict[str, Tensor]:
        moments = {name: self._flat.in_order(getattr(self._moved, name)) for name in ("exp_avg", "exp_avg_sq")}
        return {"step": self._step.clone(), **moments}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._step.copy_(state["step"])
        for name in ("exp_avg", "exp_avg_sq"):
            self._flat.put(getattr(self._moved, name), state[name])
