"""The networks, by name. Each module in this package is one: its class `Model`, described by its docstring.

A new network is a new file here. The form, the flag and the record find it by the file's name. Listing the names
imports none of the modules, so it does not import torch.

A network may say more about itself:
- `__init__(classes, width)` if its width is a constant;
- `set_up(images)` to be made ready from the training images (n, 3, 32, 32), float32 from -1 to 1, before it is trained;
- `trained_for`: by the names of parameters, the part of a run, from its start, in which they learn;
- `named_rates`: by the names of parameters, the rates of those that the optimizer muon does not move itself.
"""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING

from engine import registry

if TYPE_CHECKING:
    from torch import Tensor, nn


NOTEBOOKS = "cnn"
"""The notebook's own network."""


def names() -> tuple[str, ...]:
    """Return the names of all networks: the notebook's first, then the others sorted."""
    return registry.names("models", first=NOTEBOOKS)


def build(name: str, classes: int, width: int = 64) -> nn.Module:
    """Return a new network with random weights: images (n, 3, 32, 32) float32 to logits (n, classes).

    `width` is for those networks that have one.
    """
    kind = importlib.import_module(f"{__name__}.{name}").Model
    model: nn.Module = kind(classes, width) if "width" in inspect.signature(kind).parameters else kind(classes)
    return model


def description(name: str) -> str:
    """Return a network's description, one line. Imports the network, and with it torch."""
    return (importlib.import_module(f"{__name__}.{name}").__doc__ or name).strip().splitlines()[0]


def set_up(model: nn.Module, images: Callable[[], Tensor]) -> None:
    """Make `model` ready from the training images, if it wants them: `images` returns them, (n, 3, 32, 32) float32."""
    wanted: Callable[[Tensor], None] | None = getattr(model, "set_up", None)
    if wanted is not None:
        wanted(images())
