"""The learning rate of every iteration of a run, also of one whose constants change while it trains."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.recipe import schedules
from engine.record.changes import Change


@dataclass(frozen=True)
class _Stretch:
    """Iterations in a row with the same constants."""

    first: int
    end: int
    learning_rate: float
    """The full rate, of which the schedule makes that of an iteration."""
    iterations: int
    """Of the whole run, as it is planned here."""


class Course:
    """The rates of a run with `batches` iterations an epoch. They follow from its constants and their changes alone.

    From a change on, the rates are those of a run that had the new value from its start: a new learning rate is
    multiplied by the schedule's factor, and other epochs move the schedule's end.
    """

    def __init__(self, config: TrainingConfig, batches: int) -> None:
        self._schedule, self._epochs, self._batches = config.schedule, config.epochs, batches
        self._warmup = round(batches * config.warmup)
        self.learning_rate = config.learning_rate
        """The full rate at the start of the run."""
        self.changes: Sequence[Change] = ()
        """Those that count, ordered by iteration; some may be still to come."""

    def rates(self, untils: Sequence[float], iteration: int, count: int) -> NDArray[np.float64]:
        """Return the rates of the `count` iterations after `iteration` of them, shape (count, groups).

        `untils` has for each group of parameters the part of the run in which it learns. One that has stopped does not
        begin again if the run becomes longer.
        """
        iterations = np.arange(iteration, iteration + count)
        stretches = list(self._stretches())
        return np.stack([self._rates(stretches, until, iterations) for until in untils], axis=1)

    def _rates(self, stretches: Sequence[_Stretch], until: float, iterations: NDArray[np.int64]) -> NDArray[np.float64]:
        found, end = np.zeros(len(iterations)), math.inf
        for stretch in stretches:
            if until == 1 or stretch.first < end:
                end = math.ceil(until * stretch.iterations)
            here = (stretch.first <= iterations) & (iterations < stretch.end)
            factors = schedules.factors(self._schedule, iterations[here], int(end), self._warmup)
            found[here] = stretch.learning_rate * factors
        return found

    def _stretches(self) -> Iterator[_Stretch]:
        first, rate, epochs = 0, self.learning_rate, self._epochs
        for change in self.changes:
            yield _Stretch(first, change.iteration, rate, epochs * self._batches)
            first = change.iteration
            if change.name == "learning_rate":
                rate = change.after
            else:
                epochs = int(change.after)
        # There is no end: the last iteration is the business of the loop, and a check may ask for more than there are.
        yield _Stretch(first, 2**62, rate, epochs * self._batches)
