"""Training steps that are tried out and leave no trace."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import nn

from engine.recipe.recipe import Recipe


@contextmanager
def undone(model: nn.Module, recipe: Recipe) -> Iterator[None]:
    """Put back weights, buffers, the state of the recipe and the processor's random generator at the end, in place."""
    tensors = [*model.parameters(), *model.buffers()]
    before = [tensor.detach().clone() for tensor in tensors]
    state = recipe.state()
    with torch.random.fork_rng(devices=[]):
        try:
            yield
        finally:
            with torch.no_grad():
                for tensor, value in zip(tensors, before, strict=True):
                    tensor.copy_(value)
            recipe.restore(state)
