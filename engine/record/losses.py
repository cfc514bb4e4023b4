"""The loss of every iteration: one thread writes, any thread reads, no thread waits."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


class Losses:
    """A float32 array of the length of the whole run, filled from the front. It grows if the run becomes longer.

    The operating system hands out the memory page by page as it is filled, so a long run costs nothing beforehand.
    """

    def __init__(self, iterations: int) -> None:
        self._values = np.empty(iterations, dtype=np.float32)
        self._length = 0

    def append(self, values: NDArray[np.float32] | float) -> None:
        """Add one loss, or several in order. Only the run's thread may call this."""
        added = np.atleast_1d(np.asarray(values, dtype=np.float32))
        end = self._length + len(added)
        self._values[self._length : end] = added
        self._length = end  # last: a reader that sees the length finds the values in place

    def reserve(self, iterations: int) -> None:
        """Make room for a run of so many iterations. Only the run's thread may call this."""
        if iterations > len(self._values):
            longer = np.empty(iterations, dtype=np.float32)
            longer[: self._length] = self._values[: self._length]
            self._values = longer  # a reader that still has the shorter array finds the losses so far in it

    @property
    def capacity(self) -> int:
        """Iterations of the whole run."""
        return len(self._values)

    def __len__(self) -> int:
        return self._length

    def values(self, start: int = 0) -> NDArray[np.float32]:
        """Return the losses so far from iteration `start` on, shape (n,): a read-only view, no copy."""
        view = self._values[start : self._length]
        view.flags.writeable = False
        return view
