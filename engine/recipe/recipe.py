"""What a network learns with. The only place that builds the loss, the optimizer and its learning rate."""

from __future__ import annotations

from torch import nn

from engine.recipe import optimizers
from engine.recipe.flat import flatten


class Recipe:
    """The loss and the optimizer of one network, for steps of any kind.

    `recordable` steps can become a CUDA graph, see `engine.recipe.optimizers.build`. The network's parameters become
    views into flat tensors.
    """

    def __init__(self, model: nn.Module, learning_rate: float, *, recordable: bool = False) -> None:
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = optimizers.build("adam", flatten(model.parameters()), learning_rate, recordable=recordable)
