"""Networks that misbehave, to be used in the place of `engine.models.build`."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import nn

from engine import models


def diverging(iteration: int) -> Callable[[str, int], nn.Module]:
    """Build networks whose loss is NaN at this iteration of the training, counted from 1."""
    build = models.build

    def built(name: str, classes: int) -> nn.Module:
        model = build(name, classes)
        model.register_buffer("steps", torch.zeros(()))

        def poison(module: nn.Module, _: object, logits: torch.Tensor) -> torch.Tensor:
            if module.training:
                assert isinstance(module.steps, torch.Tensor)
                module.steps += 1
                return logits * (float("nan") if module.steps == iteration else 1.0)
            return logits

        model.register_forward_hook(poison)
        return model

    return built
