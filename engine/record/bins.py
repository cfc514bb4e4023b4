"""A run's losses as a chart needs them: a bounded number of bins that never change once their iterations are over.

Each loss is looked at once, when it arrives, so a frame costs what is new and not what is old. Drawing anew, at another
width or smoothing or another part of the run, costs the same however long the run is: that is what the history is for.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

SPANS = (1, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
"""The levels of smoothing, in iterations. The first smooths nothing."""

_BLOCK = 1 << 18
"""Losses taken at a time: large enough to be fast, small enough to stay in the processor's cache."""

STRIDE = 256
"""Losses from one mark of the history to the next: few enough to look at again, many enough to keep little of them."""

_PASS = 128 * STRIDE
"""Losses that the history takes at a time."""

_LONG = 4
"""How many times longer than the average in the title the one is that tells where the loss is going."""

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

    def __init__(self, span: int, total: float = 0.0, count: int = 0) -> None:
        """Start with nothing, or with `count` values whose weighted sum is `total`."""
        self._decay = 1 - 2 / (span + 1)
        self._weights = _weights(span)
        self._sum = total
        self._weight = (1 - self._decay**count) / (1 - self._decay)

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


@cache
def _weights(span: int) -> NDArray[np.float64]:
    """What each of the latest values weighs, the oldest first; what is older weighs less than float64 can tell."""
    decay = 1 - 2 / (span + 1)
    reach = math.ceil(math.log(_NEGLIGIBLE) / math.log(decay)) if decay else 1
    weights: NDArray[np.float64] = decay ** np.arange(min(reach, _BLOCK), dtype=np.float64)[::-1]
    return weights


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


class LossHistory:
    """What a run's losses so far come to: at a mark every `STRIDE` losses, and what a look at the rest adds.

    Between two marks the lowest and the highest loss are kept, and at each the averages over every span in `SPANS` and
    over `_LONG` times that, so that no average has to start before the mark that it follows.
    """

    _spans = sorted({span * times for span in SPANS for times in (1, _LONG)})
    _decays = np.array([1 - 2 / (span + 1) for span in _spans])
    _fading = _decays[:, None] ** np.arange(STRIDE)[::-1]
    """What each loss weighs at the next mark, shape (spans, STRIDE)."""

    def __init__(self) -> None:
        self._losses: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._extremes = np.full((2, 1), np.nan)  # as many columns as there may be marks, and NaN after the last
        self._sums = [np.zeros(len(self._spans))]
        self._counts = [0]
        self._lowest: float | None = None
        self._lowest_at: int | None = None

    def extend(self, losses: NDArray[np.float32]) -> None:
        """Take in what is new in `losses`, shape (n,), all of a run's losses so far."""
        self._losses = losses
        whole = len(losses) // STRIDE * STRIDE
        for start in range((len(self._counts) - 1) * STRIDE, whole, _PASS):
            self._take(losses[start : min(start + _PASS, whole)], start)

    def _take(self, block: NDArray[np.float32], start: int) -> None:
        self._lowest, self._lowest_at = self._lowest_with(block, start)
        rows = block.reshape(-1, STRIDE).astype(np.float64)
        is_finite = np.isfinite(rows)
        first, room = start // STRIDE, self._extremes.shape[1]
        if first + len(rows) >= room:
            self._extremes = np.pad(self._extremes, ((0, 0), (0, room + len(rows))), constant_values=np.nan)
        values = np.where(is_finite, rows, np.nan)
        within = slice(first, first + len(rows))
        self._extremes[:, within] = np.fmin.reduce(values, axis=1), np.fmax.reduce(values, axis=1)
        counts = is_finite.sum(axis=1).tolist()
        # Not a matrix product: that would wake the threads of the linear algebra library, next to a run that trains.
        sums = np.einsum("rs,ks->rk", np.where(is_finite, rows, 0), self._fading)
        for row, count in enumerate(counts):
            if count < STRIDE:  # what is not finite takes no time either
                sums[row] = (self._fading[:, STRIDE - count :] * rows[row, is_finite[row]]).sum(axis=1)
            self._sums.append(self._decays**count * self._sums[-1] + sums[row])
            self._counts.append(self._counts[-1] + count)

    def _lowest_with(self, block: NDArray[np.float32], start: int) -> tuple[float | None, int | None]:
        finite = np.where(np.isfinite(block), block, np.inf)
        at = int(finite.argmin()) if len(block) else 0
        if not len(block) or math.isinf(finite[at]) or (self._lowest is not None and finite[at] >= self._lowest):
            return self._lowest, self._lowest_at
        return float(finite[at]), start + at + 1

    def average(self, span: int, stop: int) -> ExponentialAverage:
        """The average over `span`, one of `SPANS`, of the losses before `stop`."""
        mark = stop // STRIDE
        average = ExponentialAverage(span, float(self._sums[mark][self._spans.index(span)]), self._counts[mark])
        rest = self._losses[mark * STRIDE : stop]
        average.extend(rest[np.isfinite(rest)])
        return average

    def extremes(self, limits: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and the highest loss between each two `limits`, at least two strides apart; NaN where is none."""
        # Each part is its first stride, its last, and all that lie between two marks within it.
        edges = np.stack([limits[:-1], limits[1:] - STRIDE], axis=1)
        losses = self._losses[edges[..., None] + np.arange(STRIDE)].reshape(len(edges), -1)
        losses = np.where(np.isfinite(losses), losses, np.nan)
        marks = np.stack([-(-limits[:-1] // STRIDE), limits[1:] // STRIDE], axis=1).ravel()
        low, high = self._extremes[:, : marks[-1] + 1]
        return (
            np.fmin(np.fmin.reduce(losses, axis=1), np.fmin.reduceat(low, marks)[::2]),
            np.fmax(np.fmax.reduce(losses, axis=1), np.fmax.reduceat(high, marks)[::2]),
        )

    def summary(self, span: int) -> ChartSummary:
        """The numbers beside the curve, smoothed over `span`, one of `SPANS`."""
        count = len(self._losses)
        start = count // STRIDE * STRIDE
        rest = self._losses[start:]
        lowest, lowest_at = self._lowest_with(rest, start)
        short, long = (self.average(span * times, count).value for times in (1, _LONG))
        known = not math.isnan(short)
        # A short average below a long one: the curve is on its way down, and one odd batch does not turn the arrow.
        falling = short < long if known and not math.isclose(short, long, rel_tol=1e-9, abs_tol=1e-45) else None
        return ChartSummary(
            now=float(self._losses[-1]) if count else None,
            smoothed=short if known else None,
            falling=falling,
            lowest=lowest,
            lowest_at=lowest_at,
            not_finite=count - self._counts[-1] - int(np.isfinite(rest).sum()),
        )


class LossBins:
    """Lowest, highest and smoothed loss in at most `columns` bins of the iterations from `first` up to `end`.

    The bins' limits are fixed from the start, so that a bin whose iterations are over never changes again. `low`,
    `high` and `smoothed`, shape (bins,), float64, are NaN where no finite loss has arrived. With a `history` of the
    same losses, those that were there before the first look are not looked at one by one.
    """

    def __init__(self, first: int, end: int, columns: int, span: int, history: LossHistory | None = None) -> None:
        iterations = max(1, end - first)
        count = max(1, min(columns, iterations))
        self.first = first
        self.end = first + iterations
        self.low = np.full(count, np.nan)
        self.high = np.full(count, np.nan)
        self.smoothed = np.full(count, np.nan)
        self.seen = first
        self.taken = 0
        """How many losses have been looked at one by one."""
        # Rounded up, so that iteration i is in bin floor(i * count / iterations).
        self._starts = first - (-np.arange(count + 1, dtype=np.int64) * iterations // count)
        self._span = span
        self._average = ExponentialAverage(span)
        self._history = LossHistory() if history is None else history

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
        self._history.extend(losses)
        changed = self._bin(self.seen), self._bin(stop - 1) + 1
        if self.seen == self.first:
            self._recall(stop)
        for start in range(self.seen, stop, _BLOCK):
            self._take(losses[start : min(start + _BLOCK, stop)], start)
        self.seen = stop
        return changed

    def _recall(self, stop: int) -> None:
        """Take from the history what came before the first bin, and the bins that are over if they are wide."""
        over = self._bin(stop)
        if not over or (self.end - self.first) // len(self.low) < 2 * STRIDE:
            self._average = self._history.average(self._span, self.first)
            return
        limits = self._starts[: over + 1]
        self.low[:over], self.high[:over] = self._history.extremes(limits)
        for bin_, limit in enumerate(limits[1:].tolist()):
            self._average = self._history.average(self._span, limit)
            if not math.isnan(self.low[bin_]):
                self.smoothed[bin_] = self._average.value
        self.seen = int(limits[-1])

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
