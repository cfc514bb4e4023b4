"""The optimizers, by name: each module in this package is one, its class `Optimizer`.

A new optimizer is a new file here that keeps the contract `Optimizer` below.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn


class Optimizer(Protocol):
    """Moves flat parameters (see `engine.recipe.flat`) along their gradients, in place."""

    @property
    def learning_rate(self) -> float:
        """The rate of the next step. It can be set between any two iterations, recorded ones too."""

    @learning_rate.setter
    def learning_rate(self, value: float) -> None: ...

    def zero_grad(self) -> None: ...

    def step(self) -> None: ...

    def state(self) -> dict[str, Tensor]:
        """What the next step depends on apart from the learning rate: the tensors themselves, not copies."""

    def restore(self, state: dict[str, Tensor]) -> None:
        """Copy what `state()` returned earlier into this optimizer's tensors."""


def build(
    name: str, parameters: Sequence[nn.Parameter], learning_rate: float, *, recordable: bool = False
) -> Optimizer:
    """Return a new optimizer for flat `parameters`.

    A CUDA graph repeats the same operations on the same tensors. So a `recordable` optimizer keeps every number that
    changes, the learning rate included, in a tensor on the device: a Python float would stay what it was when recorded.
    """
    module = importlib.import_module(f"{__name__}.{name}")
    optimizer: Optimizer = module.Optimizer(parameters, learning_rate, recordable=recordable)
    return optimizer
