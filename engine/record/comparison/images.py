"""Two runs on the same images, image by image: those that only one of them gets right."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.record.classified import Classified
from engine.record.comparison.groups import Compared
from engine.record.statistics.mcnemar import mcnemar


@dataclass(frozen=True, eq=False)
class Pair:
    """What two runs made of the same test images in their newest evaluations."""

    first: Compared
    second: Compared
    only_first: NDArray[np.int64]
    """The indices of the images that only the first run gets right, shape (n,)."""
    only_second: NDArray[np.int64]
    both: int
    """Images that both get right."""
    neither: int
    of_first: Classified
    """What the first run made of each image."""
    of_second: Classified

    @property
    def p(self) -> float:
        """That of McNemar's test."""
        return mcnemar(len(self.only_first), len(self.only_second))


def pair_of(first: Compared, of_first: Classified, second: Compared, of_second: Classified) -> Pair | None:
    """Return the two runs image by image; None if they were not evaluated on the same images in the same order."""
    if not np.array_equal(of_first.labels, of_second.labels):
        return None
    one, other = of_first.right, of_second.right
    return Pair(
        first,
        second,
        np.flatnonzero(one & ~other),
        np.flatnonzero(other & ~one),
        int(np.count_nonzero(one & other)),
        int(np.count_nonzero(~one & ~other)),
        of_first,
        of_second,
    )
