"""What a network learns with. The only place that builds the loss, the optimizer and its learning rate."""

from __future__ import annotations

import torch
from torch import nn

from engine.recipe import optimizers
from engine.recipe.flat import flatten
from engine.recipe.optimizers import Settings


class Recipe:
    """The loss and the optimizer of one network, for steps of any kind.

    A `fused` optimizer is faster and rounds differently, see `engine.recipe.optimizers.build`. The network's parameters
    become views into flat tensors.
    """

    def __init__(self, model: nn.Module, learning_rate: float, *, fused: bool = False) -> None:
        groups = flatten(model.parameters())
        self.parameters = [parameter for group in groups for parameter in group.parameters]
        """What the network learns, in the order in which the optimizer takes the gradients."""
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optimizers.build("adam", groups, Settings(learning_rate=learning_rate), fused=fused)

    @property
    def learning_rate(self) -> float:
        return self.optimizer.rates[0].item()

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        # A copy from the processor is complete on return, so the next step on any CUDA stream reads the new value.
        self.optimizer.rates.copy_(torch.full_like(self.optimizer.rates, value, device="cpu"))
