"""AdamW: Adam with weight decay beside the gradient, not as a part of it (Loshchilov and Hutter, 2019)."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from engine.recipe.flat import Flat
from engine.recipe.fused import FusedAdam, Parts, by_group, rates_of
from engine.recipe.optimizers import Settings


class Optimizer(Parts):
    """The contract of `engine.recipe.optimizers.Optimizer`, with the arithmetic of `torch.optim.AdamW`."""

    def __init__(self, groups: Sequence[Flat], settings: Settings, *, fused: bool = False) -> None:
        rates, decay = rates_of(groups, settings.learning_rate), settings.weight_decay
        kernel = torch._fused_adamw_
        parts = by_group(rates, groups, lambda group, rate: FusedAdam(group.parameters, rate, kernel, decay))
        super().__init__(rates, parts)
