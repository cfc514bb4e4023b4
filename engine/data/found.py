"""What a look at the data tells before a run."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """The images that a run would get."""

    ready: bool
    """False: a download is needed first."""
    description: str
    """One line for a person, cleaned: `CIFAR-10 in data, verified`."""
    train_images: int
    test_images: int
    classes: tuple[str, ...]
