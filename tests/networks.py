"""Networks other than as they are: that misbehave, in the place of `engine.models.build`, or that take a GPU's path."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
from torch import nn

from engine import models


def diverging(iteration: int) -> Callable[..., nn.Module]:
    """Build networks whose loss is NaN at this iteration of the training, counted from 1."""
    build = models.build

    def built(name: str, classes: int, width: int = 64) -> nn.Module:
        model = build(name, classes, width)
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


def take_the_path_of_a_gpu(patch: pytest.MonkeyPatch) -> None:
    """Let the notebook's network leave out what only a processor has: compiled convolutions, oneDNN's layout."""
    patch.setattr("engine.kernels.convolutions._is_made_for", lambda images: False)
    patch.setattr("engine.kernels.onednn._blocks_are_faster", lambda images: False)
