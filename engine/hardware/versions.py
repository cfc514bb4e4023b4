"""The versions of the software that trains."""

from __future__ import annotations

import platform

import torch

from engine import __version__


def versions() -> dict[str, str]:
    """Return the versions that the numbers of a run may depend on."""
    found = {"cifar-tui": __version__, "python": platform.python_version(), "torch": str(torch.__version__)}
    return {**found, "cuda": torch.version.cuda} if torch.version.cuda else found
