"""Runs over each other: their losses, smoothed, or what was measured after each epoch."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from engine.charts.axes import Axis, Tick, epoch_limits, highest_usual, iteration_axis, number, value_axis
from engine.charts.plot import RUNS, Colour, Hairlines, Layer, Line, Marks, Note, Plot, Room, Values
from engine.record.bins import SPANS, level_for
from engine.record.record import RunRecord
from engine.record.series import Series
from engine.record.timeline import Timeline

Quantity = Literal["loss", "accuracy", "test loss"]
Across = Literal["iteration", "epoch", "seconds"]

QUANTITIES: tuple[Quantity, ...] = get_args(Quantity)
ACROSS: tuple[Across, ...] = get_args(Across)

_LETTERS = 12
"""Letters that have room along a curve."""

_FAR = 10
"""Times what is usual of the runs: a run that diverged would flatten the others, so the axis ends there."""


class _Traced:
    """One run, ready to be drawn."""

    def __init__(self, record: RunRecord) -> None:
        self.losses = Series()
        self.losses.extend(record.losses)
        self.batches = record.started.batches if record.started else 1
        self.timeline = Timeline(record)
        split = record.evaluations[0].split if record.evaluations else "test"
        during = [each for each in record.evaluations if each.split == split]
        self.measured: dict[Quantity, dict[int, float]] = {
            "accuracy": {each.iteration: each.plain_accuracy for each in during},
            "test loss": {each.iteration: each.loss for each in during if each.loss is not None},
        }

    def across(self, iterations: Values, by: Across) -> Values:
        """Return where iterations lie on the x axis, shape (n,)."""
        if by == "seconds":
            return self.timeline.seconds(iterations)
        return iterations / self.batches if by == "epoch" else iterations


class RunCurve:
    """A curve: one run, or the mean of several that differ only in the seed."""

    def __init__(self, letter: str, name: str, colour: int, records: Sequence[RunRecord]) -> None:
        """`colour` is an index of `RUNS`. The records have as many batches an epoch."""
        self.letter, self.name = letter, name
        self.colour: Colour = RUNS[colour % len(RUNS)]
        self._runs = [_Traced(record) for record in records]
        self.batches = self._runs[0].batches

    @property
    def legend(self) -> str:
        seeds = f" (mean of {len(self._runs)})" if len(self._runs) > 1 else ""
        return f"{self.letter} {self.name}{seeds}"

    @property
    def iterations(self) -> int:
        """Those of the longest run."""
        return max(len(run.losses.values) for run in self._runs)

    def points(self, quantity: Quantity, by: Across, span: int, count: int) -> tuple[Values, Values]:
        """Return x and y, shape (n,) each, NaN where nothing is known: for losses in about `count` bins."""
        if quantity != "loss":
            known = sorted(set.intersection(*(set(run.measured[quantity]) for run in self._runs)))
            iterations = np.array(known, np.float64)
            values = [np.array([run.measured[quantity][at] for at in known], np.float64) for run in self._runs]
        else:
            of_runs = [run.losses.bins(0, self.iterations, count, span) for run in self._runs]
            iterations, values = of_runs[0].middles, [bins.smoothed for bins in of_runs]
        x = np.mean([run.across(iterations, by) for run in self._runs], axis=0)
        y = np.mean(values, axis=0)
        known_x = ~np.isnan(x)
        return x[known_x], y[known_x]

    def end(self, by: Across) -> float:
        """Return where the curve ends on the x axis; 0 if that is not known."""
        ends = [run.across(np.array([len(run.losses.values)], np.float64), by)[0] for run in self._runs]
        return float(np.nan_to_num(max(ends)))


class ComparedCurves:
    """The contract of `engine.charts.plot.Chart`."""

    def __init__(self, curves: Sequence[RunCurve]) -> None:
        self.curves = tuple(curves)
        self.quantity: Quantity = "loss"
        same = len({curve.batches for curve in curves}) < 2
        self.by: Across = "iteration" if same else "epoch"
        """Other batch sizes make other epochs of an iteration: then images seen compare better."""
        longest = max((curve.iterations for curve in curves), default=1)
        self.level = level_for(max(1, longest))
        """Of smoothing, an index of `SPANS`."""

    def show(self, curves: Sequence[RunCurve]) -> None:
        """Show other curves in the same way."""
        self.curves = tuple(curves)

    def next_quantity(self) -> None:
        self.quantity = QUANTITIES[(QUANTITIES.index(self.quantity) + 1) % len(QUANTITIES)]

    def next_across(self) -> None:
        self.by = ACROSS[(ACROSS.index(self.by) + 1) % len(ACROSS)]

    def smooth(self, direction: int) -> None:
        """Smooth over more iterations (1) or fewer (-1)."""
        self.level = max(0, min(self.level + direction, len(SPANS) - 1))

    # The declaration

    def plot(self, room: Room) -> Plot:
        end = max((curve.end(self.by) for curve in self.curves), default=0.0)
        drawn = [(curve, *self._points(curve, end, room)) for curve in self.curves] if end else []
        drawn = [(curve, x, y) for curve, x, y in drawn if not np.isnan(y).all()]
        x_axis = self._x_axis(end or 1.0, room)
        left = self._y_axis([y for _, _, y in drawn], room) if drawn else None
        smoothed = f", smoothed over {SPANS[self.level]:,}" if self.quantity == "loss" and self.level else ""
        return Plot(
            name=self.quantity + smoothed,
            x=x_axis,
            left=left,
            right=None,
            layers=tuple(self._layers(drawn, left, end, room)) if left else (),
            notes=tuple(Note(f"{curve.letter} {self._told(y)}") for curve, _, y in drawn),
            mode=f"by {self.by}",
            hint=self._hint(),
        )

    def _points(self, curve: RunCurve, end: float, room: Room) -> tuple[Values, Values]:
        count = max(1, round(room.points * min(1.0, curve.end(self.by) / end)))
        return curve.points(self.quantity, self.by, SPANS[self.level], count)

    def _hint(self) -> str:
        if not self.curves:
            return "no curve is shown"
        if self.by == "seconds" and not any(curve.end(self.by) for curve in self.curves):
            return "no run tells its times yet"
        return f"no run has a known {self.quantity} yet"

    def _x_axis(self, end: float, room: Room) -> Axis:
        if self.by == "iteration":
            return iteration_axis(0, max(1, round(end)), self._batches, room.columns)
        rounded = value_axis(self.by, 0, end, 4 * max(1, min(8, room.columns // 12)))
        return Axis(self.by, 0, end, tuple(tick for tick in rounded.ticks if tick.value <= end))

    @property
    def _batches(self) -> int:
        """Iterations of an epoch, if all curves have the same; else 1."""
        found = {curve.batches for curve in self.curves}
        return found.pop() if len(found) == 1 else 1

    def _y_axis(self, values: Sequence[Values], room: Room) -> Axis:
        finite = np.concatenate([y[~np.isnan(y)] for y in values])
        if self.quantity == "accuracy":
            axis = value_axis("accuracy", float(finite.min()), float(finite.max()), room.rows)
            ticks = tuple(Tick(tick.value, f"{tick.label} %") for tick in axis.ticks if tick.value <= 100)
            return Axis(axis.name, axis.low, min(100.0, axis.high) if axis.low < 100 else axis.high, ticks)
        known = [y[~np.isnan(y)] for y in values]
        tops = sorted(highest_usual(y, y) for y in known)
        usual = tops[(len(tops) - 1) // 2]
        top = min(tops[-1], _FAR * usual) if usual > 0 else tops[-1]
        return value_axis(self.quantity, float(finite.min()), top, room.rows)

    def _layers(
        self, drawn: Sequence[tuple[RunCurve, Values, Values]], left: Axis, end: float, room: Room
    ) -> Iterator[Layer]:
        if self.by == "iteration" and self._batches > 1:
            ends = epoch_limits(0, max(1, round(end)), self._batches, room.columns)
            yield Hairlines(tuple(ends), tuple(f"epoch {at // self._batches + 1:,}" for at in ends), Colour.EPOCH)
        for curve, x, y in drawn:
            within = np.where(y > left.high, np.nan, y)
            yield Line(x, within, curve.colour, curve.legend)
        for i, (curve, x, y) in enumerate(drawn):
            known = np.flatnonzero(~np.isnan(y))
            # Each letter a little before the last one: ends of curves often lie together.
            at = len(known) - 1 - (i * max(1, len(known) // _LETTERS if self.quantity == "loss" else 1)) % len(known)
            places = known[at : at + 1] if self.quantity == "loss" else known
            texts = tuple(curve.letter if place == known[at] else "" for place in places)
            up = np.minimum(y[places], left.high)
            yield Marks(tuple(x[places].tolist()), tuple(up.tolist()), texts, "●", "left", curve.colour)

    def _told(self, y: NDArray[np.float64]) -> str:
        newest = float(y[~np.isnan(y)][-1])
        return f"{newest:.1f} %" if self.quantity == "accuracy" else number(newest)
