"""Axes: where a number lies, and which round numbers are written beside it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_SMALLEST = float(np.finfo(np.float32).smallest_subnormal)

_KEPT = 16
"""Axes that are kept: a chart asks for the same ones in nearly every frame."""

_MOST = 0.9
"""The share of the bins that says what is usual."""
_START = 5
"""Bins at the start of a curve; their median low says how high it starts."""
_FAR = 10
"""Times the usual from which on a value is an outlier."""


_RATE_COLUMNS = 9
"""For `0.0001` and the space between it and the next."""


@dataclass(frozen=True)
class Tick:
    value: float
    label: str


@dataclass(frozen=True)
class Axis:
    """From `low` to `high`, linear or logarithmic. On a logarithmic axis both are above 0."""

    name: str
    low: float
    high: float
    ticks: tuple[Tick, ...]
    log: bool = False

    def fractions(self, values: NDArray[np.float64] | Sequence[float]) -> NDArray[np.float64]:
        """How far along the axis each value lies, 0 to 1. NaN stays NaN; a value beyond an end is put at that end."""
        low, high = self.low, self.high
        values = np.asarray(values, dtype=np.float64)
        if self.log:
            values = np.log10(np.maximum(values, low))
            low, high = math.log10(low), math.log10(high)
        fractions: NDArray[np.float64] = ((values - low) / (high - low)).clip(0, 1)
        return fractions


def round_step(rough: float) -> float:
    """The smallest of 1, 2, 2.5 and 5 times a power of ten that is at least `rough`, a positive number."""
    power: float = 10.0 ** math.floor(math.log10(rough))
    return next(step * power for step in (1, 2, 2.5, 5, 10) if step * power >= rough * (1 - 1e-9))


@lru_cache(_KEPT)
def value_axis(name: str, low: float, high: float, rows: int, *, log: bool = False) -> Axis:
    """An axis that holds values from `low` to `high`, with about one tick for every four of its rows.

    Its ends are rounded outward, so that it rarely moves while values come in. A logarithmic axis starts at the
    smallest positive float32 or above.
    """
    if log:
        return _logarithmic(name, max(low, _SMALLEST), max(high, _SMALLEST), rows)
    if high - low <= 1e-6 * max(abs(low), abs(high)):
        # All the same: room on both sides.
        room = max(abs(low) / 20, _SMALLEST * 100) if low or high else 1.0
        low, high = low - room, high + room
    intervals = max(1, rows // 4)
    step = round_step((high - low) / intervals)
    end = step / 2
    bottom, top = math.floor(low / end + 1e-9) * end, math.ceil(high / end - 1e-9) * end
    if bottom < 0 <= low:
        bottom = 0.0
    first, last = math.ceil(bottom / step - 1e-9), math.floor(top / step + 1e-9)
    values = [index * step for index in range(first, last + 1)]
    return Axis(name, bottom, top, tuple(_labelled(values, step)))


def _logarithmic(name: str, low: float, high: float, rows: int) -> Axis:
    decades = math.log10(high / low)
    if decades < 1:
        # Less than a decade: the round numbers of a linear axis, placed logarithmically.
        linear = value_axis(name, low, high, rows)
        end = round_step(low / 10)
        bottom = max(_SMALLEST, math.floor(low / end + 1e-9) * end)
        ticks = tuple(tick for tick in linear.ticks if tick.value >= bottom * (1 - 1e-9))
        return Axis(name, bottom, linear.high, ticks or (Tick(bottom, _plain(bottom)),), log=True)
    first, last = math.floor(math.log10(low)), math.ceil(math.log10(high))
    room = max(1, rows // 4)
    stride = -(-(last - first) // room)
    within = (1, 2, 5) if (last - first) * 3 <= room else (1,)
    values = [m * 10.0**e for e in range(first, last + 1, stride) for m in within]
    # The ends: the nearest 1, 2 or 5 times a power of ten.
    ends = [m * 10.0**e for e in range(first, last + 1) for m in (1, 2, 5)]
    bottom = max(value for value in ends if value <= low * (1 + 1e-9))
    top = min(value for value in [*ends, 10.0**last] if value >= high * (1 - 1e-9))
    values = [value for value in values if bottom <= value <= top] or [bottom]
    return Axis(name, bottom, top, tuple(Tick(value, _plain(value)) for value in values), log=True)


def _plain(value: float) -> str:
    """1, 0.05, 1e-5: a round number as short as it goes."""
    return _short(f"{value:g}")


def number(value: float) -> str:
    """A value with as many digits as a person compares."""
    if not math.isfinite(value):
        return str(value)
    size = abs(value)
    if size >= 1e5 or 0 < size < 1e-3:
        return _scientific(value, 1)
    return f"{value:.2f}" if size >= 0.1 or not size else f"{value:.4f}"


def two_digits(value: float) -> str:
    """The first two digits of a value, as short as it goes: 0.0021, 5.2e-7, 10."""
    return _short(f"{value:.2g}")


def _scientific(value: float, decimals: int) -> str:
    """1.5e-7, not 1.5e-07."""
    return _short(f"{value:.{decimals}e}")


def _short(text: str) -> str:
    return text.replace("e+0", "e").replace("e+", "e").replace("e-0", "e-")


def _labelled(values: list[float], step: float) -> list[Tick]:
    largest = max((abs(value) for value in values), default=0.0)
    if largest >= 1e5 or step < 1e-4:
        # As many digits as tell one tick from the next.
        digits = max(0, math.ceil(math.log10(largest / step))) if largest else 0
        return [Tick(value, _scientific(value, digits)) for value in values]
    digits = next((count for count in range(6) if math.isclose(round(step, count), step, rel_tol=1e-6)), 6)
    return [Tick(value, f"{value:.{digits}f}") for value in values]


def highest_usual(low: NDArray[np.float64], high: NDArray[np.float64]) -> float:
    """The highest of the bins' values that is no outlier; `low` and `high` are those of each bin, shape (n,).

    One loss of 4e7 would flatten a linear chart for ever. So a bin is an outlier where its highest value is more than
    ten times above what nine bins in ten stay below, and above the first bins too: a curve starts high.
    At least one value is finite.
    """
    highs, start = np.sort(high[~np.isnan(high)]), np.sort(low[~np.isnan(low)][:_START])
    usual = max(highs[int(_MOST * (len(highs) - 1))], start[len(start) // 2])
    limit = _FAR * usual
    within = highs[: np.searchsorted(highs, limit, side="right")] if usual > 0 else highs
    return float(within[-1])


@lru_cache(_KEPT)
def rate_axis(low: float, high: float, columns: int) -> Axis:
    """Learning rates from `low` to `high`, both above 0, on a logarithmic axis, with the ticks that fit."""
    return _logarithmic("learning rate", low, high, 4 * max(1, columns // _RATE_COLUMNS))


@lru_cache(_KEPT)
def iteration_axis(first: int, end: int, batches: int, columns: int) -> Axis:
    """The iterations from `first` up to `end` over `columns` characters.

    The ticks stand where epochs of `batches` iterations end, as many as fit. Where fewer than two of them are in
    sight, the ticks are round numbers.
    """
    room = max(1, columns // (len(f"{end:,}") + 3))
    step = _epoch_step(first, end, batches, room)
    if end - first < 2 * step:
        step = math.ceil(round_step(max(1, (end - first) / min(room, 8))))
    ticks = tuple(Tick(value, f"{value:,}") for value in range(-(-first // step) * step, end + 1, step))
    return Axis("iteration", first, end, ticks)


def epoch_limits(first: int, end: int, batches: int, columns: int) -> list[int]:
    """The iterations between `first` and `end` where an epoch ends: all, or every 2nd, 5th, 10th … that has room."""
    step = _epoch_step(first, end, batches, max(1, columns // (len(f"{end:,}") + 3)))
    return list(range((first // step + 1) * step, end, step))


def _epoch_step(first: int, end: int, batches: int, room: int) -> int:
    """The iterations of so many whole epochs that at most `room` of their limits are in sight."""
    epochs = (end - first) / batches / room
    power = 10 ** max(0, math.floor(math.log10(max(1.0, epochs))))
    whole: int = next(step * power for step in (1, 2, 5, 10) if step * power >= epochs)
    return batches * whole


def percent_axis(name: str, rows: int) -> Axis:
    """0 to 100 %, with the ticks that fit."""
    step = 10 if rows >= 40 else 20 if rows >= 15 else 50 if rows >= 6 else 100
    return Axis(name, 0, 100, tuple(Tick(value, f"{value} %") for value in range(0, 101, step)))
