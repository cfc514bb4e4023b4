"""One value an iteration, as a chart needs it: a bounded number of bins, each fixed once its iterations are over.

Each value is read once, when it arrives, so a frame costs what is new and not what is old. The history makes drawing
at another width, smoothing or part of the run cost the same however long the run is.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache, lru_cache

import numpy as np
from numpy.typing import NDArray

SPANS = (1, 10, 25, 50, 100, 250, 500, 1_000, 2_500, 5_000, 10_000, 25_000, 50_000, 100_000)
"""The levels of smoothing, in iterations. The first smooths nothing."""

_BLOCK = 1 << 18
"""Values taken at a time: large enough to be fast, small enough to stay in the processor's cache."""

STRIDE = 256
"""Values between two marks of the history: few enough to read again, many enough that the history stays small."""

_PASS = 128 * STRIDE
"""Values that the history takes at a time."""

_LONG = 4
"""The trend compares the average with one over a span this many times longer."""

_NEGLIGIBLE = 1e-17
"""A weight below half of a float64's precision changes no sum."""


@lru_cache(16)
def level_for(iterations: int) -> int:
    """The level of smoothing whose span is nearest to a sixtieth of a run: steady, but every turn still shows."""
    wanted = math.log(max(iterations / 60, 1))
    return min(range(1, len(SPANS)), key=lambda level: abs(math.log(SPANS[level]) - wanted))


class ExponentialAverage:
    """The exponentially weighted mean of the values so far: each weighs `decay` times the one after it.

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
            # Not a dot product: that would wake the threads of the BLAS library, which compete with the training.
            self._sum = faded * self._sum + float(np.multiply(self._weights[-count:], block[-count:]).sum())
            self._weight = faded * self._weight + (1 - self._decay**count) / (1 - self._decay)


@cache
def _weights(span: int) -> NDArray[np.float64]:
    """The weights of the latest values, the oldest first. Older values weigh too little to change a float64."""
    decay = 1 - 2 / (span + 1)
    reach = math.ceil(math.log(_NEGLIGIBLE) / math.log(decay)) if decay else 1
    weights: NDArray[np.float64] = decay ** np.arange(min(reach, _BLOCK), dtype=np.float64)[::-1]
    return weights


@dataclass(frozen=True)
class Summary:
    """The numbers beside a curve."""

    now: float | None
    """The latest value, finite or not; None before the first."""
    smoothed: float | None
    """None before the first finite value, like the three that follow."""
    falling: bool | None
    lowest: float | None
    lowest_at: int | None
    """The iteration, counted from 1."""
    not_finite: int
    """How many values are NaN or infinite."""


class History:
    """A summary of all values so far, with a mark every `STRIDE` values.

    It keeps the lowest and the highest value between two marks, and at each mark the averages over every span in
    `SPANS` and over `_LONG` times that. So an average up to any iteration needs only the values since the last mark.
    """

    _spans = sorted({span * times for span in SPANS for times in (1, _LONG)})
    _decays = np.array([1 - 2 / (span + 1) for span in _spans])
    _fading = _decays[:, None] ** np.arange(STRIDE)[::-1]
    """The weight of each value at the next mark, shape (spans, STRIDE)."""

    def __init__(self) -> None:
        self._values: NDArray[np.float32] = np.empty(0, dtype=np.float32)
        self._extremes = np.full((2, 1), np.nan)  # as many columns as there may be marks, and NaN after the last
        self._sums = [np.zeros(len(self._spans))]
        self._counts = [0]
        self._lowest: float | None = None
        self._lowest_at: int | None = None

    def extend(self, values: NDArray[np.float32]) -> None:
        """Take in what is new in `values`, shape (n,), all values so far."""
        self._values = values
        whole = len(values) // STRIDE * STRIDE
        for start in range((len(self._counts) - 1) * STRIDE, whole, _PASS):
            self._take(values[start : min(start + _PASS, whole)], start)

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
        # Not a matrix product: that would wake the threads of the BLAS library, which compete with the training.
        sums = np.einsum("rs,ks->rk", np.where(is_finite, rows, 0), self._fading)
        for row, count in enumerate(counts):
            if count < STRIDE:  # values that are not finite do not count as time either
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
        """The average over `span`, one of `SPANS`, of the values before `stop`."""
        mark = stop // STRIDE
        average = ExponentialAverage(span, float(self._sums[mark][self._spans.index(span)]), self._counts[mark])
        rest = self._values[mark * STRIDE : stop]
        average.extend(rest[np.isfinite(rest)])
        return average

    def extremes(self, limits: NDArray[np.int64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The lowest and highest value between each two `limits`, at least two strides apart; NaN if there is none."""
        # A part consists of its first stride, its last one, and the whole strides in between.
        edges = np.stack([limits[:-1], limits[1:] - STRIDE], axis=1)
        values = self._values[edges[..., None] + np.arange(STRIDE)].reshape(len(edges), -1)
        values = np.where(np.isfinite(values), values, np.nan)
        marks = np.stack([-(-limits[:-1] // STRIDE), limits[1:] // STRIDE], axis=1).ravel()
        low, high = self._extremes[:, : marks[-1] + 1]
        return (
            np.fmin(np.fmin.reduce(values, axis=1), np.fmin.reduceat(low, marks)[::2]),
            np.fmax(np.fmax.reduce(values, axis=1), np.fmax.reduceat(high, marks)[::2]),
        )

    def summary(self, span: int) -> Summary:
        """The numbers beside the curve, smoothed over `span`, one of `SPANS`."""
        count = len(self._values)
        start = count // STRIDE * STRIDE
        rest = self._values[start:]
        lowest, lowest_at = self._lowest_with(rest, start)
        short, long = (self.average(span * times, count).value for times in (1, _LONG))
        known = not math.isnan(short)
        # Falling: the average over a short span is below that over a long one. One odd batch does not change that.
        falling = short < long if known and not math.isclose(short, long, rel_tol=1e-9, abs_tol=1e-45) else None
        return Summary(
            now=float(self._values[-1]) if count else None,
            smoothed=short if known else None,
            falling=falling,
            lowest=lowest,
            lowest_at=lowest_at,
            not_finite=count - self._counts[-1] - int(np.isfinite(rest).sum()),
        )


class Bins:
    """Lowest, highest and smoothed value in at most `columns` bins of the iterations from `first` up to `end`.

    The bins' limits are fixed from the start, so a bin whose iterations are over never changes again. `low`, `high`
    and `smoothed`, shape (bins,), float64, are NaN where no finite value has arrived. With a `history` of the same
    values, those that are there at the first call of `extend` are not read one by one.
    """

    def __init__(self, first: int, end: int, columns: int, span: int, history: History | None = None) -> None:
        iterations = max(1, end - first)
        count = max(1, min(columns, iterations))
        self.made_for = first, end, columns, span
        self.first = first
        self.end = first + iterations
        self.low = np.full(count, np.nan)
        self.high = np.full(count, np.nan)
        self.smoothed = np.full(count, np.nan)
        self.seen = first
        self.taken = 0
        """How many values have been read one by one."""
        # Rounded up, so that iteration i is in bin floor(i * count / iterations).
        self._starts = first - (-np.arange(count + 1, dtype=np.int64) * iterations // count)
        self._span = span
        self._average = ExponentialAverage(span)
        self._history = History() if history is None else history

    @property
    def middles(self) -> NDArray[np.float64]:
        """Where each bin's middle lies from `first` to `end`, shape (bins,): all bins are equally wide."""
        count = len(self.low)
        return self.first + (np.arange(count) + 0.5) * (self.end - self.first) / count

    def extend(self, values: NDArray[np.float32]) -> None:
        """Take in what is new in `values`, shape (n,), all values so far."""
        stop = min(len(values), self.end)
        if stop <= self.seen:
            return
        self._history.extend(values)
        if self.seen == self.first:
            self._recall(stop)
        for start in range(self.seen, stop, _BLOCK):
            self._take(values[start : min(start + _BLOCK, stop)], start)
        self.seen = stop

    def _recall(self, stop: int) -> None:
        """Take the average before the first bin from the history, and the finished bins too if they are wide."""
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
        # fmin and fmax: a bin without a finite value stays NaN.
        self.low[bins] = np.fmin(self.low[bins], np.where(np.isinf(low), np.nan, low))
        self.high[bins] = np.fmax(self.high[bins], np.where(np.isinf(high), np.nan, high))
        for bin_, values, finite in zip(
            range(bins.start, bins.stop), np.split(block, starts[1:]), np.split(is_finite, starts[1:]), strict=True
        ):
            if finite.any():
                self._average.extend(values[finite])
                self.smoothed[bin_] = self._average.value
