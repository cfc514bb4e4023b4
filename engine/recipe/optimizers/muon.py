"""Muon for the filters of hidden convolutions, SGD or AdamW for all other parameters.

Muon (Keller Jordan, 2024, kellerjordan.github.io/posts/muon) moves a matrix of weights not along its momentum U S Vᵀ
but along about U Vᵀ: equally far in every direction. That is the steepest descent where a step is measured by its
spectral norm (Bernstein and Newhouse, 2024, arXiv 2409.20325). `torch.optim.Muon` takes matrices only, one at a time.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import repeat

import torch
from torch import Tensor, nn

from engine.recipe.flat import Flat
from engine.recipe.fused import FusedAdam, FusedSGD, Part, Parts, rates_of
from engine.recipe.optimizers import Settings

STEPS = 3
"""Steps of Newton and Schulz's iteration. Jordan's post takes 5 for language models; 3 are enough for small filters."""

COEFFICIENTS = (3.4445, -4.7750, 2.0315)
"""Of x, x³ and x⁵ in a step of the iteration, from Jordan's post: singular values come fast into about 0.7 to 1.2."""

EPSILON = 1e-7
"""Keeps the division by the norm finite. From Jordan's post."""

OTHERS_RATE = 0.0125
"""AdamW's part of the learning rate: 0.003 where Muon's is 0.24, both usual."""

NAMED_MOMENTUM = 0.85
"""Nesterov's momentum of parameters for which the network has a rate: Jordan's for CIFAR-10 in batches of 2,000."""

_COLOURS = 3


class Optimizer(Parts):
    """The contract of `engine.recipe.optimizers.Optimizer`.

    The rates are Muon's. Of the other parameters, those in `Settings.named_rates` are moved by SGD on the gradient of
    the summed loss, with the named rate while Muon has its full one, and in proportion to it. At that rate, the weight
    decay is the part by which each step shrinks a weight. The rest is moved by AdamW.
    """

    def __init__(self, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> None:
        parameters = [parameter for group in groups for parameter in group.parameters]
        names = [name for group in groups for name, _ in zip(group.names or repeat(""), group.parameters, strict=False)]
        numbers = [number for number, group in enumerate(groups) for _ in group.parameters]
        alike: dict[tuple[int, torch.Size | float | None], list[int]] = {}
        for position, (number, parameter, name) in enumerate(zip(numbers, parameters, names, strict=True)):
            way = parameter.shape if _is_filter(parameter) else settings.named_rates.get(name)
            alike.setdefault((number, way), []).append(position)

        rates = rates_of(groups, settings.learning_rate)
        self._scaled, factors = rates.new_zeros(len(alike)), []
        parts: list[tuple[Part, Sequence[int]]] = []
        for ((_, way), positions), rate in zip(alike.items(), self._scaled, strict=True):
            theirs = [parameters[position] for position in positions]
            if way is None:
                part: Part = FusedAdam(theirs, rate, torch._fused_adamw_, settings.weight_decay)
                factors.append(OTHERS_RATE)
            elif isinstance(way, torch.Size):
                part = _Filters(theirs, rate, settings.momentum)
                factors.append(1.0)
            else:
                # The sum's gradient is as many times the mean's as there are images. So is the rate, in its place.
                of_mean = way * settings.batch_size
                part = FusedSGD(theirs, rate, NAMED_MOMENTUM, settings.weight_decay / of_mean)
                factors.append(of_mean / settings.learning_rate)
            parts.append((part, positions))
        super().__init__(rates, parts)
        self._group = torch.tensor([number for number, _ in alike], device=rates.device)
        self._factors = torch.tensor(factors, dtype=rates.dtype, device=rates.device)

    @torch.no_grad()
    def step(self, gradients: Sequence[Tensor]) -> None:
        torch.index_select(self.rates, 0, self._group, out=self._scaled).mul_(self._factors)
        super().step(gradients)


def _is_filter(parameter: nn.Parameter) -> bool:
    return parameter.ndim == 4 and parameter.shape[1] != _COLOURS


class _Filters:
    """Filters of one shape (outputs, inputs, height, width), moved together as matrices (outputs, the rest).

    Before each step the weights are scaled to the norm √outputs: one a filter.
    """

    def __init__(self, parameters: Sequence[nn.Parameter], rate: Tensor, momentum: float) -> None:
        self.room: list[Tensor] = []
        self._weights = [parameter.data for parameter in parameters]
        self._rate, self._momentum = rate, momentum
        self._sum = torch.zeros_like(_matrices(self._weights))

    def move(self, gradients: list[Tensor]) -> None:
        gradient = _matrices(gradients)
        self._sum.mul_(self._momentum).add_(gradient)
        direction = orthogonalized(gradient.add_(self._sum, alpha=self._momentum))
        weights = _matrices(self._weights)
        norms = torch.linalg.vector_norm(weights, dim=(1, 2), keepdim=True)
        weights.mul_(math.sqrt(weights.shape[1]) / norms.clamp_min_(EPSILON)).sub_(direction * self._rate)
        torch._foreach_copy_(self._weights, [each.view(self._weights[0].shape) for each in weights])

    def state(self) -> dict[str, Tensor]:
        return {"momentum_buffer": self._sum.reshape(-1).clone()}

    def restore(self, state: dict[str, Tensor]) -> None:
        self._sum.copy_(state["momentum_buffer"].view(self._sum.shape))


def _matrices(tensors: Sequence[Tensor]) -> Tensor:
    """Return copies of `tensors`, all of one shape, as (n, outputs, the rest), whatever their layout in memory."""
    return torch.stack([each.reshape(len(each), -1) for each in tensors])


def orthogonalized(matrices: Tensor) -> Tensor:
    """Return about U Vᵀ of each of `matrices` (n, a, b) = U S Vᵀ, in their dtype, by Newton and Schulz's iteration.

    A GPU multiplies in bfloat16, for which the coefficients were chosen.
    """
    a, b, c = COEFFICIENTS
    high = matrices.shape[1] > matrices.shape[2]
    norms: Tensor = torch.linalg.vector_norm(matrices, dim=(1, 2), keepdim=True)
    x = matrices / norms.clamp_min_(EPSILON)
    x = (x.transpose(1, 2) if high else x).to(torch.bfloat16 if matrices.device.type == "cuda" else matrices.dtype)
    for _ in range(STEPS):
        square = torch.bmm(x, x.transpose(1, 2))
        x = torch.baddbmm(x, torch.baddbmm(square, square, square, beta=b, alpha=c), x, beta=a)
    return (x.transpose(1, 2) if high else x).to(matrices.dtype)
