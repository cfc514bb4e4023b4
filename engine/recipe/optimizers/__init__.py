"""The optimizers, by name: each module in this package is one, its class `Optimizer`.

A new optimizer is a new file here that keeps the contract `Optimizer` below. `engine.recipe.fused` has what they share.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from engine.recipe.flat import Flat


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What an optimizer is told at the start. Each takes what it knows of."""

    learning_rate: float
    """The full rate, above 0. A schedule changes it by writing into `Optimizer.rates`."""
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 1
    """Images in a batch: the gradient is the mean over them, and some rates are for the sum."""
    named_rates: Mapping[str, float] = field(default_factory=dict)
    """Rates that the network itself has for some of its parameters, by their names, for SGD on a summed loss."""


class Optimizer(Protocol):
    """Moves the parameters of flat tensors (see `engine.recipe.flat`) along their gradients, in place."""

    rates: Tensor
    """The learning rate of each group in the next step, shape (groups,), on the groups' device.

    It is written in place, between any two steps: a CUDA graph reads it where it lies. float64 on a processor, which is
    the precision of a Python float, float32 elsewhere.
    """

    @property
    def room(self) -> list[Tensor]:
        """Tensors for the gradients, which `step` then need not copy. Empty if it copies none."""

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every parameter. `gradients` are theirs, in the order of the groups and of the parameters in them."""

    def state(self) -> dict[str, Tensor]:
        """Return copies of what the next step depends on apart from the learning rates.

        They do not depend on how the parameters lie in memory, so that another layout can go on from them.
        """

    def restore(self, state: dict[str, Tensor]) -> None:
        """Copy what `state()` returned earlier into this optimizer's tensors."""


def build(name: str, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> Optimizer:
    """Return a new optimizer for the parameters of `groups`.

    A `fused` one can be recorded: a CUDA graph repeats the same operations on the same tensors, so every number that
    changes, the learning rate included, is in a tensor on the device. A Python float would stay what it was when
    recorded. Only adam has another form, which is slower and has the bits of `torch.optim.Adam`.
    """
    module = importlib.import_module(f"{__name__}.{name}")
    optimizer: Optimizer = module.Optimizer(groups, settings, fused=fused)
    return optimizer
