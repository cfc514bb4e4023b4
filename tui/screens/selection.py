"""Which images a gallery shows, and in which order: told in words, and looked up in what a network made of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from engine.record.classified import ORDERS, Classified, Order, chosen
from engine.record.metrics.suspicious import suspicious
from engine.text import counted

Mode = Order | Literal["suspicious"]

MODES: tuple[Mode, ...] = (*ORDERS, "suspicious")

SUSPICION = "only a suspicion: the network may be wrong"


@dataclass(frozen=True, eq=False)
class Found:
    """The images of a selection, those that matter most first."""

    indices: NDArray[np.int64]
    """Which images of the evaluation, shape (m,)."""
    taken: NDArray[np.int64]
    """What each was taken for, or, if its label is suspicious, what it probably is: class indices, shape (m,)."""

    def __len__(self) -> int:
        return len(self.indices)


@dataclass(frozen=True, eq=False)
class Among:
    """Some images of an evaluation, those that another run gets right, for example."""

    indices: NDArray[np.int64]
    """Shape (n,)."""
    told: str
    """What they have in common, to follow a noun: `that calm-tern gets right`."""


@dataclass(frozen=True)
class Selection:
    """An order, and what it is restricted to: class indices, and some of the images."""

    mode: Mode = "surely wrong"
    true: int | None = None
    predicted: int | None = None
    among: Among | None = None

    @property
    def only_right(self) -> bool:
        return self.mode.endswith("right")

    def of(self, classified: Classified) -> Found:
        """Return the images that are selected."""
        found = self._of_all(classified)
        if self.among is None:
            return found
        wanted = np.isin(found.indices, self.among.indices)
        return Found(found.indices[wanted], found.taken[wanted])

    def _of_all(self, classified: Classified) -> Found:
        if self.mode == "suspicious":
            joint = suspicious(classified)
            wanted = np.ones(len(joint.indices), dtype=bool)
            if self.true is not None:
                wanted &= classified.labels[joint.indices] == self.true
            if self.predicted is not None:
                wanted &= joint.classes == self.predicted
            return Found(joint.indices[wanted], joint.classes[wanted])
        # A recognised image was taken for its class, so one of the two restrictions says it all.
        predicted = None if self.only_right and self.true is not None else self.predicted
        indices = chosen(classified, self.mode, self.true, predicted)
        return Found(indices, classified.predicted[indices])

    @property
    def nothing(self) -> str:
        """What is said if no image is selected."""
        if self.mode == "suspicious":
            return "No label here looks wrong."
        return f"There is no image here that is {self.mode.split()[-1]}."

    def told(self, names: Sequence[str], count: int) -> str:
        """Return what is shown, such as `cat taken for dog · 204 mistakes`. `names` are those of the classes."""
        told = self._told(names, count)
        return told if self.among is None else f"{told} {self.among.told}"

    def _told(self, names: Sequence[str], count: int) -> str:
        true = None if self.true is None else names[self.true]
        predicted = None if self.predicted is None else names[self.predicted]
        if self.mode == "suspicious":
            whose = f"labelled {true}" if true else "labels"
            return f"{whose}, perhaps {predicted or 'wrong'} · {counted(count, 'image')}"
        if self.only_right:
            return f"{true or predicted or 'all classes'} · {count:,} recognised"
        what = f"{true or 'others'} taken for {predicted or 'others'}" if true or predicted else "all classes"
        return f"{what} · {counted(count, 'mistake')}"
