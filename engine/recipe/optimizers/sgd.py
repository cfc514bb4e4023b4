"""Stochastic gradient descent, with Nesterov's momentum (Nesterov, 1983; Sutskever and others, 2013)."""

from __future__ import annotations

from collections.abc import Sequence

from engine.recipe.flat import Flat
from engine.recipe.fused import FusedSGD, Parts, by_group, rates_of
from engine.recipe.optimizers import Settings


class Optimizer(Parts):
    """The contract of `engine.recipe.optimizers.Optimizer`, with the arithmetic of `torch.optim.SGD`.

    Its weight decay is a part of the gradient, so it has momentum as well.
    """

    def __init__(self, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> None:
        rates, momentum, decay = rates_of(groups, settings.learning_rate), settings.momentum, settings.weight_decay
        parts = by_group(rates, groups, lambda group, rate: FusedSGD(group.parameters, rate, momentum, decay))
        super().__init__(rates, parts)
