"""A run's losses as a chart needs them: a bounded number of bins that never change once their iterations are over.

Each loss is looked at once, when it arrives, so a frame costs what is new and not what is old.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

SPANS = (1, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
"""The levels of smoothing, in iterations. The first smooths nothing."""

_BLOCK = 1 << 18
"""Losses taken at a time: large enough to be fast, small enough to stay in the processor's cache."""

_NEGLIGIBLE = 1e-17
"""A weight below half of a float64's precision changes no sum."""


def level_for(iterations: int) -> int:
    """The level of smoothing whose span is nearest to a sixtieth of a run: steady, and yet it shows every turn."""
    wanted = math.log(max(iterations / 60, 1))
    return min(range(1, len(SPANS)), key=lambda level: abs(math.log(SPANS[level]) - wanted))


class ExponentialAverage:
    """The exponentially weighted mean of what it was given: each value weighs `decay` times the one after it.

    Kept as the weighted sum over the sum of the weights, which is the bias-corrected moving average of Adam (Kingma and
    Ba 2015, section 3: m / (1 - decay^t)): right from the first value on. `decay` is 1 - 2 / (span + 1), so that the
    weights have the same centre of mass as a plain mean over `span` values.
    """

    def __init__(self, span: int) -> None:
        self._decay = 1 - 2 / (span + 1)
        self.reach = math.ceil(math.log(_NEGLIGIBLE) / math.log(self._decay)) if self._decay else 1
        """How many of the latest values matter; what is older weighs less than float64 can tell."""
        self._weights = self._decay ** np.arange(min(self.reach, _BLOCK), dtype=np.float64)[::-1]
        self._sum = 0.0
        self._weight = 0.0

    @property
    def value(self) -> float:
        """NaN before the first value."""
        return self._sum / self._weight if self._weight else math.nan

    def extend(self, values: NDArray[np.float32]) -> None:
        """Add finite values, shape (n,), in order."""
        for start in range(0, len(values), _BLOCK):
            block = values[start : start + _BLOCK]
            count = min(len(block), len(self._weights))
            faded = self._decay ** len(block)
            # Not a dot product: that would wake the threads of the linear algebra library, next to a run that trains.
            self._sum = faded * self._sum + float(np.multiply(self._weights[-count:], block[-count:]).sum())
            self._weight = faded * self._weight + (1 - self._decay**count) / (1 - self._decay)


@dataclass(frozen=True)
class ChartSummary:
    """The numbers beside a loss curve."""

    now: float | None
    """The latest loss, whatever it is; None before the first."""
    smoothed: float | None
    """None before the first finite loss, like all that follow."""
    falling: bool | None
    lowest: float | None
    lowest_at: int | None
    """The iteration, counted from 1."""
    not_finite: int
    """How many losses are NaN or infinite."""


class RunningSummary:
    """`ChartSummary` of losses that keep coming."""

    def __init__(self, span: int) -> None:
        self._short = ExponentialAverage(span)
        self._long = ExponentialAverage(4 * span)
        self._now: float | None = None
        self._lowest: float | None = None
        self._lowest_at: int | None = None
        self._not_finite = 0
        self.seen = 0

    def extend(self, losses: NDArray[np.float32]) -> None:
        """Take in what is new in `losses`, shape (n,), all of a run's losses so far."""
        for start in range(self.seen, len(losses), _BLOCK):
            block = losses[start : start + _BLOCK]
            is_finite = np.isfinite(block)
            finite = block[is_finite]
            self._not_finite += len(block) - len(finite)
            self._short.extend(finite)
            self._long.extend(finite)
            self._now = float(block[-1])
            if len(finite) and (self._lowest is None or finite.min() < self._lowest):
                self._lowest = float(finite.min())
                self._lowest_at = start + int(np.argmax(is_finite & (block == finite.min()))) + 1
        self.seen = max(self.seen, len(losses))

    @property
    def summary(self) -> ChartSummary:
        short, long = self._short.value, self._long.value
        known = not math.isnan(short)
        # A short average below a long one: the curve is on its way down, and one odd batch does not turn the arrow.
        falling = short < long if known and not math.isclose(short, long, rel_tol=1e-9, abs_tol=1e-45) else None
        return ChartSummary(
            now=self._now,
            smoothed=short if known else None,
            falling=falling,
            lowest=self._lowest,
            lowest_at=self._lowest_at,
            not_finite=self._not_finite,
        )


class LossBins:
    """Lowest, highest and smoothed loss in at most `columns` bins of the iterations from `first` up to `end`.

    The bins' limits are fixed from the start, so that a bin whose iterations are over never changes again. `low`,
    `high` and `smoothed`, shape (bins,), float64, are NaN where no finite loss has arrived.
    """

    def __init__(self, first: int, end: int, columns: int, span: int) -> None:
        iterations = max(1, end - first)
        count = max(1, min(columns, iterations))
        self.first = first
        self.end = first + iterations
        self.low = np.full(count, np.nan)
        self.high = np.full(count, np.nan)
        self.smoothed = np.full(count, np.nan)
        self.seen = first
        self.taken = 0
        """How many losses have been looked at since the beginning."""
        # Rounded up, so that iteration i is in bin floor(i * count / iterations).
        self._starts = first - (-np.arange(count + 1, dtype=np.int64) * iterations // count)
        self._average = ExponentialAverage(span)
        self._warm = first == 0

    @property
    def middles(self) -> NDArray[np.float64]:
        """The middle of each bin's iterations, counted from 1, shape (bins,)."""
        return (self._starts[:-1] + 1 + self._starts[1:]) / 2

    def extend(self, losses: NDArray[np.float32]) -> tuple[int, int] | None:
        """Take in what is new in `losses`, shape (n,), all of a run's losses so far.

        Returns the bins that changed, from one up to another, or None.
        """
        stop = min(len(losses), self.end)
        if stop <= self.seen:
            return None
        if not self._warm:
            before = losses[max(0, self.first - self._average.reach) : self.first]
            self._average.extend(before[np.isfinite(before)])
            self.taken += len(before)
            self._warm = True
        changed = self._bin(self.seen), self._bin(stop - 1) + 1
        for start in range(self.seen, stop, _BLOCK):
            self._take(losses[start : min(start + _BLOCK, stop)], start)
        self.seen = stop
        return changed

    def _bin(self, iteration: int) -> int:
        return int(np.searchsorted(self._starts, iteration, side="right")) - 1

    def _take(self, block: NDArray[np.float32], start: int) -> None:
        self.taken += len(block)
        bins = slice(self._bin(start), self._bin(start + len(block) - 1) + 1)
        starts = np.maximum(self._starts[bins] - start, 0)
        is_finite = np.isfinite(block)
        low = np.minimum.reduceat(np.where(is_finite, block, np.float32(np.inf)), starts).astype(np.float64)
        high = np.maximum.reduceat(np.where(is_finite, block, np.float32(-np.inf)), starts).astype(np.float64)
        # fmin and fmax: a bin without a finite loss stays NaN.
        self.low[bins] = np.fmin(self.low[bins], np.where(np.isinf(low), np.nan, low))
        self.high[bins] = np.fmax(self.high[bins], np.where(np.isinf(high), np.nan, high))
        for bin_, values, finite in zip(
            range(bins.start, bins.stop), np.split(block, starts[1:]), np.split(is_finite, starts[1:]), strict=True
        ):
            if finite.any():
                self._average.extend(values[finite])
                self.smoothed[bin_] = self._average.value


def recent_window(seen: int, iterations: int) -> tuple[int, int]:
    """The latest part of a run of `iterations`, from one iteration up to another, when `seen` have been recorded.

    A tenth of the run and at least 200 iterations wide. It jumps by a quarter of its width when it is full, so that
    between the jumps every iteration keeps its place.
    """
    quarter = max(50, -(-iterations // 40))
    first = max(0, (seen - 1) // quarter - 3) * quarter
    return first, first + 4 * quarter
