"""Checks of a network before it is trained."""

from __future__ import annotations

import torch
from torch import nn

from engine.data.imageset import IMAGE_SIZE
from engine.errors import TrainingError


def check_shape(model: nn.Module, classes: int) -> tuple[int, ...]:
    """The notebook's check before any training: 64 images give logits of shape (64, classes). Returns that shape.

    The images come from a generator of their own, so the check does not change the run. Raises `TrainingError` for
    another shape.
    """
    images = torch.randn(64, 3, IMAGE_SIZE, IMAGE_SIZE, generator=torch.Generator().manual_seed(0))
    model.eval()
    with torch.inference_mode():
        shape = tuple(model(images).shape)
    if shape != (64, classes):
        raise TrainingError(
            f"The network turns 64 images into an output of shape {shape} instead of (64, {classes}),"
            " one logit for each class. Check its last layer."
        )
    return shape


def count_parameters(model: nn.Module) -> int:
    """Return how many numbers the network learns; frozen parameters do not count."""
    return sum(parameter.numel() for parameter in model.parameters() if parameter.requires_grad)
