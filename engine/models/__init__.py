"""The networks, by name: each module in this package is one, its class `Model`, its docstring the description.

A new network is a new file here and nothing else: the form, the flag and the record find it by its file's name.
Listing the names imports none of the modules, so it costs no import of torch.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

from engine import registry

if TYPE_CHECKING:
    from torch import nn


def names() -> tuple[str, ...]:
    """Every network there is: the notebook's first, the others in the order of the alphabet."""
    return registry.names("models", first="cnn")


def build(name: str, classes: int) -> nn.Module:
    """A new network with freshly drawn weights: images (n, 3, 32, 32) float32 to logits (n, classes)."""
    model: nn.Module = importlib.import_module(f"{__name__}.{name}").Model(classes)
    return model


def description(name: str) -> str:
    """What a network is, in one line. Imports it, and with it torch."""
    return (importlib.import_module(f"{__name__}.{name}").__doc__ or name).strip().splitlines()[0]
