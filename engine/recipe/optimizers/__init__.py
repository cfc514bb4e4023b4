"""The optimizers, by name: each module in this package is one, its class `Optimizer`.

A new optimizer is a new file here that keeps the contract `Optimizer` below.
"""

from __future__ import annotations

import importlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from torch import Tensor

from engine.recipe.flat import Flat


class Optimizer(Protocol):
    """Moves the parameters of flat tensors (see `engine.recipe.flat`) along their gradients, in place."""

    rates: Tensor

    @property
    def room(self) -> list[Tensor]:
        """Tensors for the gradients, which `step` then need not copy. Empty if it copies none."""

    def step(self, gradients: Sequence[Tensor]) -> None:
        """Move every parameter. `gradients` are theirs, in the order of the groups and of the parameters in them."""

    def state(self) -> dict[str, Tensor]:
        """Return copies of what the next step depends on apart from the learning rate.

        They do not depend on how the parameters lie in memory, so that another layout can go on from them.
        """

    def restore(self, state: dict[str, Tensor]) -> None:
        """Copy what `state()` returned earlier into this optimizer's tensors."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    learning_rate: float
    momentum: float = 0.0
    weight_decay: float = 0.0
    batch_size: int = 1
    named_rates: Mapping[str, float] = field(default_factory=dict)


def build(name: str, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> Optimizer:
    """Return a new optimizer for the parameters of `groups`.

    A `fused` one moves them with one kernel of torch. It is faster, rounds differently, and can be recorded: a CUDA
    graph repeats the same operations on the same tensors, so every number that changes, the learning rate included,
    is in a tensor on the device. A Python float would stay what it was when recorded.
    """
    module = importlib.import_module(f"{__name__}.{name}")
    optimizer: Optimizer = module.Optimizer(groups, settings, fused=fused)
    return optimizer
