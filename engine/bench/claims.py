"""What the README promises about speed, and what the contest must find for it to hold."""

from __future__ import annotations

from dataclasses import dataclass
from statistics import median

import numpy as np
from numpy.typing import NDArray

from engine import models

FASTER = {models.NOTEBOOKS: 4.0, "batchnorm": 2.6, "deeper": 2.1, "residual": 1.9}
"""The iterations per second of each network on a processor, over the notebook's loop. Others have no promise."""

FASTER_ON_A_GPU = {models.NOTEBOOKS: 20.0}
"""The same on a CUDA GPU."""

EVALUATED_FASTER = {models.NOTEBOOKS: 5.0}
"""The same for evaluation."""

COMPARED = 10
"""Iterations whose losses must agree where bits may differ."""

AGREEMENT, AGREEMENT_OF_OTHERS = 1e-4, 0.05
"""How far two losses of one of these iterations may be apart: the notebook's network, and others.

Adam's first steps are the same size for a gradient of 1e-7 and of 1, so a last digit becomes a step. In a network with
batch normalization each weight moves every activation: torch's own loop with one thread and with two differs by up to
0.02.
"""

SPREAD_OF_OTHERS = 5.0
"""Points of accuracy by which two trainings of another network may differ after an epoch, only because their last
digits do: 3.0 were seen with `residual`."""


@dataclass(frozen=True)
class Claim:
    """One promise, what was measured, and whether it holds."""

    what: str
    unit: str
    measured: tuple[float, ...]
    """Every single measurement. The promise is about their median unless it says otherwise."""
    promised: str
    holds: bool

    @property
    def median(self) -> float:
        return median(self.measured)


@dataclass(frozen=True)
class Course:
    """What came out of one epoch: the loss of each iteration, and the class predicted for every test image."""

    losses: list[float]
    predictions: list[int]


def speeds(model: str, device: str, training: list[float], evaluation: list[float]) -> tuple[Claim, ...]:
    """Claims about the ratios of the engine's speed to the notebook's loop's, on `device`."""
    on_a_gpu = device.startswith("cuda")
    return (
        _at_least(
            (FASTER_ON_A_GPU if on_a_gpu else FASTER).get(model),
            "training: iterations per second against the notebook's loop",
            training,
        ),
        _at_least(EVALUATED_FASTER.get(model), "evaluation: images per second against the notebook's loop", evaluation),
    )


def _at_least(promised: float | None, what: str, measured: list[float]) -> Claim:
    if promised is None:
        return Claim(what, "×", tuple(measured), "", True)
    return Claim(what, "×", tuple(measured), f"at least {promised:g}", median(measured) >= promised)


def agreement(
    model: str, ours: Course, notebooks: Course, labels: NDArray[np.int64], *, same_bits: bool
) -> tuple[Claim, ...]:
    """Claims about the results of both loops, with the true `labels` (n,) of the test images."""
    apart = np.abs(np.subtract(ours.losses, notebooks.losses))
    same = 100 * float(np.mean(np.equal(ours.predictions, notebooks.predictions)))
    equal = "test images that both put into the same class"
    if same_bits:
        different = float(np.count_nonzero(~(apart == 0)))
        return (
            Claim(f"losses that differ, of {len(apart):,}", "", (different,), "none", different == 0),
            Claim(equal, "%", (same,), "all", same == 100),
        )
    worst = float(apart[:COMPARED].max())
    allowed = AGREEMENT if model == models.NOTEBOOKS else AGREEMENT_OF_OTHERS
    difference = abs(_accuracy(ours, labels) - _accuracy(notebooks, labels))
    # Two standard errors of the difference of two such accuracies; other networks depend more on the last digits.
    noise = 2 * 100 * (2 * 0.25 / len(labels)) ** 0.5 + (0 if model == models.NOTEBOOKS else SPREAD_OF_OTHERS)
    return (
        Claim(
            f"largest difference of a loss in the first {COMPARED} iterations",
            "",
            (worst,),
            f"at most {allowed:g}",
            worst <= allowed,
        ),
        Claim(
            "difference of the accuracies after one epoch",
            "points",
            (difference,),
            f"at most {noise:.1f}",
            difference <= noise,
        ),
        Claim(equal, "%", (same,), "", True),
    )


def _accuracy(course: Course, labels: NDArray[np.int64]) -> float:
    """In percent."""
    return 100 * float(np.mean(labels == course.predictions))
