"""What the optimizers share: parts of the parameters, each moved at once, and torch's fused kernels that move them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol

import torch
from torch import Tensor, nn

from engine.kernels.adam import BETA1, BETA2, EPSILON
from engine.recipe.flat import Flat

_SLICE = 4096
"""Numbers that a CUDA block moves. One large tensor would keep only two blocks busy.

A step of Adam on the notebook's network, H100: 28 µs as one tensor, 10 in slices of 16,384, 5.5 of 4,096, 8.6 of 2,048.
"""


def rates_of(groups: Sequence[Flat], learning_rate: float, device: torch.device | None = None) -> Tensor:
    """Return a tensor for `engine.recipe.optimizers.Optimizer.rates`, on the groups' device unless it is named."""
    device = device or groups[0].values.device
    dtype = torch.float64 if device.type == "cpu" else torch.float32  # torch's fused CUDA kernels read a float32
    return torch.full((len(groups),), learning_rate, dtype=dtype, device=device)


class Part(Protocol):
    """Some parameters, with all that a step of theirs needs."""

    room: list[Tensor]
    """See `engine.recipe.optimizers.Optimizer.room`."""

    def move(self, gradients: list[Tensor]) -> None:
        """Move the parameters. `gradients` are theirs, in any layout, and stay as they are."""

    def state(self) -> dict[str, Tensor]:
        """Return copies of what is remembered, by torch's names, in the order of the parameters' indices."""

    def restore(self, state: dict[str, Tensor]) -> None: ...


class Parts:
    """The contract of `engine.recipe.optimizers.Optimizer`, with each step made part by part."""

    def __init__(self, rates: Tensor, parts: Sequence[tuple[Part, Sequence[int]]]) -> None:
        """Each of the `parts` comes with the positions of its parameters among all that are trained."""
        self.rates = rates
        self._parts = parts

    @property
    def room(self) -> list[Tensor]:
        return [view for part, _ in self._parts for view in part.room]

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        for part, positions in self._parts:
            part.move([gradients[position] for position in positions])

    def state(self) -> dict[str, Tensor]:
        return {
            f"{name}{self._end(number)}": tensor
            for number, (part, _) in enumerate(self._parts)
            for name, tensor in part.state().items()
        }

    def restore(self, state: dict[str, Tensor]) -> None:
        for number, (part, _) in enumerate(self._parts):
            part.restore({name: state[f"{name}{self._end(number)}"] for name in part.state()})

    def _end(self, number: int) -> str:
        """Return the end of a part's names. The first has none: most networks have one part."""
        return f".{number}" if number else ""


def by_group(
    rates: Tensor, groups: Sequence[Flat], part: Callable[[Flat, Tensor], Part]
) -> list[tuple[Part, Sequence[int]]]:
    """Return a part for each of `groups`, which reads its rate, a 0-dimensional view of `rates` (groups,)."""
    parts: list[tuple[Part, Sequence[int]]] = []
    start = 0
    for group, rate in zip(groups, rates, strict=True):
        end = start + len(group.parameters)
        parts.append((part(group, rate), range(start, end)))
        start = end
    return parts


class _Fused:
    """Parameters that one kernel of torch moves, and tensors like them that it keeps between steps."""

    def __init__(self, parameters: Sequence[nn.Parameter], rate: Tensor, remembered: Sequence[str]) -> None:
        self.room: list[Tensor] = []
        self._rate = rate
        self._parameters = [parameter.data for parameter in parameters]
        self._remembered = {name: [torch.zeros_like(each) for each in self._parameters] for name in remembered}
        self._values, *self._kept = map(_sliced, (self._parameters, *self._remembered.values()))

    def _alike(self, gradients: list[Tensor]) -> list[Tensor]:
        """Return `gradients` as the kernel needs them: in the layout of the parameters, and in slices."""
        return _sliced(
            [
                gradient if gradient.stride() == value.stride() else torch.empty_like(value).copy_(gradient)
                for gradient, value in zip(gradients, self._parameters, strict=True)
            ]
        )

    def state(self) -> dict[str, Tensor]:
        return {name: torch.cat([each.reshape(-1) for each in kept]) for name, kept in self._remembered.items()}

    def restore(self, state: dict[str, Tensor]) -> None:
        for name, kept in self._remembered.items():
            parts = torch.split(state[name], [each.numel() for each in kept])
            for each, values in zip(kept, parts, strict=True):
                each.copy_(values.view(each.shape))


class FusedAdam(_Fused):
    """Adam by `torch._fused_adam_` or, with decoupled weight decay, by `torch._fused_adamw_`.

    The kernel reads the count of steps and the rate on the device.
    """

    def __init__(
        self,
        parameters: Sequence[nn.Parameter],
        rate: Tensor,
        kernel: Callable[..., None] = torch._fused_adam_,
        weight_decay: float = 0.0,
    ) -> None:
        super().__init__(parameters, rate, ("exp_avg", "exp_avg_sq"))
        self._kernel, self._weight_decay = kernel, weight_decay
        self._step = torch.zeros((), device=rate.device)
        self._steps = [self._step] * len(self._values)

    def move(self, gradients: list[Tensor]) -> None:
        self._step.add_(1)
        self._kernel(
            self._values,
            self._alike(gradients),
            *self._kept,
            [],
            self._steps,
            lr=self._rate,
            beta1=BETA1,
            beta2=BETA2,
            weight_decay=self._weight_decay,
            eps=EPSILON,
            amsgrad=False,
            maximize=False,
        )

    def state(self) -> dict[str, Tensor]:
        return {"step": self._step.clone(), **super().state()}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._step.copy_(state["step"])
        super().restore(state)


class FusedSGD(_Fused):
    """SGD by `torch._fused_sgd_`: with a momentum, Nesterov's; weight decay is a part of the gradient."""

    def __init__(self, parameters: Sequence[nn.Parameter], rate: Tensor, momentum: float, weight_decay: float) -> None:
        super().__init__(parameters, rate, ("momentum_buffer",) if momentum else ())
        self._momentum, self._weight_decay = momentum, weight_decay

    def move(self, gradients: list[Tensor]) -> None:
        torch._fused_sgd_(
            self._values,
            self._alike(gradients),
            *(self._kept or [[]]),
            weight_decay=self._weight_decay,
            momentum=self._momentum,
            lr=self._rate,
            dampening=0,
            nesterov=self._momentum > 0,
            maximize=False,
            is_first_step=False,  # torch's first step copies the gradient; adding it to zeros is the same
        )


def _sliced(tensors: Sequence[Tensor]) -> list[Tensor]:
    """Return `tensors` cut into slices for the blocks of a GPU; as they are on another device."""
    if tensors[0].device.type != "cuda":
        return list(tensors)
    return [part for tensor in tensors for part in torch.split(_in_memory_order(tensor), _SLICE)]


def _in_memory_order(tensor: Tensor) -> Tensor:
    """Return the numbers of a tensor without gaps as they lie in memory, shape (numel,)."""
    return tensor.as_strided((tensor.numel(),), (1,), tensor.storage_offset())
