"""How the learning rate changes over a run, by name: each module in this package is one, its function `factors`.

A new schedule is a new file here that keeps the contract `Schedule` below.
"""

from __future__ import annotations

import importlib
from typing import Protocol

import numpy as np
from numpy.typing import NDArray


class Schedule(Protocol):
    """The function `factors` of a module."""

    def __call__(self, iterations: NDArray[np.float64], total: int, warmup: int) -> NDArray[np.float64]:
        """Return the factor of the rate at each of `iterations` (n,), which are counted from 0 and below `total`."""


def factors(name: str, iterations: NDArray[np.int64], total: int, warmup: int) -> NDArray[np.float64]:
    """Return by what the learning rate is multiplied at each of `iterations` (n,), which are counted from 0.

    `name` may be written with hyphens. A run has `total` iterations, from which on the factor is 0. In the first
    `warmup` of them the rate grows. The factor depends on nothing else, so a resumed run has the same rates.
    """
    schedule: Schedule = importlib.import_module(f"{__name__}.{name.replace('-', '_')}").factors
    found = np.zeros(len(iterations))
    within = iterations < total
    found[within] = schedule(iterations[within].astype(np.float64), total, warmup)
    return found
