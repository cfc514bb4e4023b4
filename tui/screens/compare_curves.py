"""Which rows of a comparison have a curve: groups or their runs, less those that a person has hidden."""

from __future__ import annotations

from engine.charts.compared import RunCurve
from engine.record.comparison import Compared, Comparison
from engine.text import clean

MOST = 8
"""Curves that are shown at first: there are as many colours."""


class ShownCurves:
    """Rows have keys: the number of a group, and for one of its several runs that of the run after a dot."""

    def __init__(self, comparison: Comparison) -> None:
        self.by_run = not any(group.seeds for group in comparison.groups)
        """Whether each run has a curve of its own, instead of its group."""
        self._hidden = set(self.keys(comparison)[MOST:])

    def keys(self, comparison: Comparison) -> list[str]:
        """Return the keys of the rows that can have a curve."""
        keys = []
        for number, group in enumerate(comparison.groups):
            has_many = self.by_run and group.seeds
            keys += [f"{number}.{i}" for i in range(len(group.runs))] if has_many else [str(number)]
        return keys

    def drawn(self, comparison: Comparison) -> list[str]:
        """Return the keys of the rows whose curves are shown."""
        return [key for key in self.keys(comparison) if key not in self._hidden]

    def curves(self, comparison: Comparison) -> list[RunCurve]:
        return [_curve(comparison, key) for key in self.drawn(comparison)]

    def toggle(self, key: str) -> None:
        """Hide a curve, or show it again."""
        self._hidden ^= {key}

    def other_way(self, comparison: Comparison) -> None:
        """Show a curve for each run, or the mean of each group."""
        self.by_run = not self.by_run
        self._hidden = set(self.keys(comparison)[MOST:])


def run_of(comparison: Comparison, key: str) -> Compared:
    """Return the run of a row; of a group its first."""
    number, _, one = key.partition(".")
    return comparison.groups[int(number)].runs[int(one or 0)]


def _curve(comparison: Comparison, key: str) -> RunCurve:
    number, _, one = key.partition(".")
    group = comparison.groups[int(number)]
    runs = (run_of(comparison, key),) if one else group.runs
    letter = f"{group.letter}{int(one) + 1}" if one else group.letter
    name = clean(runs[0].name) if len(runs) == 1 else group.name
    return RunCurve(letter, name, runs[0].colour, [run.record for run in runs])
