"""What is known of the images before they are loaded."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Found:
    """The images that a run would get."""

    ready: bool
    """False if a download is needed first."""
    description: str
    """One line for a person, cleaned: `CIFAR-10 in data, verified`."""
    classes: tuple[str, ...]
    train_counts: tuple[int, ...]
    """The number of training images of each class."""
    test_images: int

    @property
    def train_images(self) -> int:
        return sum(self.train_counts)
