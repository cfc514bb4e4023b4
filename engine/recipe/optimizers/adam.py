"""Adam (Kingma and Ba, 2014), with the defaults of `torch.optim.Adam` and, on a processor, with its bits.

`torch.optim.Adam` itself is not used: constructing it imports torch._dynamo (1.1 to 2.0 s), and one step on the
notebook's 89,834 parameters took it 229 µs with one thread, where `engine.kernels.adam` takes 90.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice

import torch
from torch import Tensor

from engine.kernels.adam import BETA1, BETA2, EPSILON, Moved, move
from engine.recipe.flat import Flat
from engine.recipe.optimizers import Settings

_SLICE = 4096
"""Numbers that a CUDA block moves. One large tensor would keep only two blocks busy.

A step on the notebook's network, H100: 28 µs as one tensor, 10 in slices of 16,384, 5.5 of 4,096, 8.6 of 2,048.
"""


class Optimizer:
    """The contract of `engine.recipe.optimizers.Optimizer`."""

    def __init__(self, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> None:
        device = groups[0].values.device if fused else torch.device("cpu")
        # torch's fused CUDA kernel reads a float32; on the processor the rate has the precision of a Python float.
        dtype = torch.float32 if device.type == "cuda" else torch.float64
        self.rates = torch.full((len(groups),), settings.learning_rate, dtype=dtype, device=device)
        self._views = [self.rates[i] for i in range(len(groups))]
        self._groups = [(_Fused if fused else _Exact)(group, device) for group in groups]

    @property
    def room(self) -> list[Tensor]:
        return [view for group in self._groups for view in group.room]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        remaining = iter(gradients)
        for group, rate in zip(self._groups, self._views, strict=True):
            group.move(list(islice(remaining, group.count)), rate)

    def state(self) -> dict[str, Tensor]:
        state = {}
        for end, group in self._named_groups():
            state[f"step{end}"] = group.step.clone()
            state[f"exp_avg{end}"] = group.flat.in_order(group.exp_avg)
            state[f"exp_avg_sq{end}"] = group.flat.in_order(group.exp_avg_sq)
        return state

    def restore(self, state: dict[str, Tensor]) -> None:
        for end, group in self._named_groups():
            group.step.copy_(state[f"step{end}"])
            group.flat.put(group.exp_avg, state[f"exp_avg{end}"])
            group.flat.put(group.exp_avg_sq, state[f"exp_avg_sq{end}"])

    def _named_groups(self) -> Iterator[tuple[str, _Group]]:
        """Yield each group with the end of its names. The first has none: a network with one dtype has one group."""
        for number, group in enumerate(self._groups):
            yield f".{number}" if number else "", group


class _Group:
    """One flat tensor of parameters, and what Adam remembers of it under the names that torch gives it."""

    def __init__(self, group: Flat, device: torch.device) -> None:
        self.flat, self.count, self.values = group, len(group.parameters), group.values
        self.step = torch.zeros((), device=device)
        self.exp_avg, self.exp_avg_sq = torch.zeros_like(self.values), torch.zeros_like(self.values)
        self.room: list[Tensor] = []


class _Exact(_Group):
    """The arithmetic of `torch.optim.Adam` without `fused`, bit for bit."""

    def __init__(self, group: Flat, device: torch.device) -> None:
        super().__init__(group, device)
        gradient, root = torch.empty_like(self.values), torch.empty_like(self.values)
        self.room = group.views(gradient)
        self._moved = Moved(self.values, gradient, self.exp_avg, self.exp_avg_sq, root)

    def move(self, gradients: list[Tensor], rate: Tensor) -> None:
        if gradients[0] is not self.room[0]:
            torch._foreach_copy_(self.room, gradients)
        move(self._moved, self.step.add_(1).item(), rate.item())


class _Fused(_Group):
    """One fused kernel of torch, which reads the count of steps and the rate on the device."""

    def __init__(self, group: Flat, device: torch.device) -> None:
        super().__init__(group, device)
        self._views = group.views(self.values)
        self._slices = [self._sliced(group.views(flat)) for flat in (self.values, self.exp_avg, self.exp_avg_sq)]
        self._steps = [self.step] * len(self._slices[0])

    def move(self, gradients: list[Tensor], rate: Tensor) -> None:
        alike = [
            gradient if gradient.stride() == view.stride() else torch.empty_like(view).copy_(gradient)
            for gradient, view in zip(gradients, self._views, strict=True)
        ]
        values, exp_avg, exp_avg_sq = self._slices
        self.step.add_(1)
        torch._fused_adam_(
            values,
            self._sliced(alike),
            exp_avg,
            exp_avg_sq,
            [],
            self._steps,
            lr=rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=0,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def _sliced(self, tensors: Sequence[Tensor]) -> list[Tensor]:
        """Return `tensors` cut into slices for the blocks of a GPU; as they are on a processor."""
        if self.values.device.type != "cuda":
            return list(tensors)
        return [part for tensor in tensors for part in torch.split(_in_memory_order(tensor), _SLICE)]


def _in_memory_order(tensor: Tensor) -> Tensor:
    """Return the numbers of a tensor without gaps as they lie in memory, shape (numel,)."""
    return tensor.as_strided((tensor.numel(),), (1,), tensor.storage_offset())
