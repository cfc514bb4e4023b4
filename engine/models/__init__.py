"""The networks, by name. Each module in this package is one: its class `Model`, described by its docstring.

A new network is a new file here. The form, the flag and the record find it by the file's name. Listing the names
imports none of the modules, so it does not import torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from engine import registry

if TYPE_CHECKING:
    from torch import nn


NOTEBOOKS = "cnn"
"""The notebook's own network."""


def names() -> tuple[str, ...]:
    """Return the names of all networks: the notebook's first, then the others sorted."""
    return registry.names("models", first=NOTEBOOKS)


def build(name: str, classes: int) -> nn.Module:
    """Return a new network with random weights: images (n, 3, 32, 32) float32 to logits (n, classes)."""
    model: nn.Module = importlib.import_module(f"{__name__}.{name}").Model(classes)
    return model


def description(name: str) -> str:
    """Return a network's description, one line. Imports the network, and with it torch."""
    return (importlib.import_module(f"{__name__}.{name}").__doc__ or name).strip().splitlines()[0]
