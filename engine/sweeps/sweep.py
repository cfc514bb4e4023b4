"""A sweep as it is now: what became of each trial. Read from its folder, again and again."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from engine.errors import RunFolderError
from engine.export.summary import summary
from engine.files import read_bounded
from engine.storage.entry import RunEntry
from engine.storage.listing import Listing
from engine.storage.tail import read
from engine.sweeps.folder import Claim, SweepFolder, Trial
from engine.sweeps.goal import epochs

TrialStatus = Literal["waiting", "training", "interrupted", "completed", "stopped", "failed"]

MOST_FAILURES = 3
"""So often a run may fail: it is tried again twice."""

ENDED = ("completed", "stopped", "failed")

SUMMARY = "summary.json"

_LARGEST = 1 << 24
"""Bytes of a summary: one of a thousand classes fits."""

_Results = tuple[float | None, tuple[tuple[int, float], ...]]
"""The goal of a run, and the accuracy after each of its epochs."""


@dataclass(frozen=True)
class RunState:
    """What became of one run of a trial."""

    name: str
    status: TrialStatus
    entry: RunEntry | None
    """As the list of runs has it; None if it has no folder."""
    value: float | None = None
    """The goal of an ended run."""
    accuracies: tuple[tuple[int, float], ...] = ()
    """The accuracy after each epoch, from one view."""
    failures: tuple[str, ...] = ()
    """Why it failed, each time."""

    @property
    def ended(self) -> bool:
        return self.status in ENDED


@dataclass(frozen=True)
class TrialState:
    """What became of a trial. It is `stopped` if one of its runs was, by a person or by the pruner."""

    trial: Trial
    status: TrialStatus
    runs: tuple[RunState, ...]

    @property
    def value(self) -> float | None:
        """The mean of its runs, of those that ended."""
        values = [run.value for run in self.runs if run.value is not None]
        return fmean(values) if values and self.status != "failed" else None

    @property
    def reason(self) -> str:
        """Why it failed, or failed before; empty if it did not."""
        return next((run.failures[-1] for run in self.runs if run.failures), "")


class Sweep:
    """Reads a sweep. Not thread-safe."""

    def __init__(self, folder: SweepFolder) -> None:
        self.folder, self.spec = folder, folder.spec
        self.claims: Mapping[str, Claim] = {}
        """Who took each run last, when `look` was called."""
        self._listing = Listing(folder.path)
        self._ended: dict[str, _Results] = {}
        """The value and the accuracies of runs that ended."""
        self.missing = ""
        """What is wrong with the goal, if an ended run has no such number."""

    def look(self) -> tuple[TrialState, ...]:
        """Return the trials in order. Raises `RunFolderError` if the folder is damaged."""
        trials, failures = self.folder.trials(), self.folder.failures()
        self.claims = self.folder.claims()
        entries = {entry.name: entry for entry in self._listing.look().entries}
        return tuple(
            _state(trial, tuple(self._run(name, entries.get(name), failures.get(name, [])) for name in trial.runs))
            for trial in trials
        )

    def _run(self, name: str, entry: RunEntry | None, failures: list[str]) -> RunState:
        told = tuple(failures)
        if entry is not None and entry.status in ("completed", "stopped"):
            value, accuracies = self._results(name, entry)
            return RunState(name, entry.status, entry, value, accuracies, told)
        if len(failures) >= MOST_FAILURES:
            return RunState(name, "failed", entry, failures=told)
        if entry is None:
            return RunState(name, "waiting", None, failures=told)
        if entry.live:
            return RunState(name, "training", entry, accuracies=self._so_far(name), failures=told)
        return RunState(name, "interrupted", entry, failures=told)

    def _results(self, name: str, entry: RunEntry) -> _Results:
        if name not in self._ended:
            found = self._written(name, entry) or self._told(self._summary(name), entry)
            if found is None:
                return None, ()
            self._ended[name] = found
        return self._ended[name]

    def _written(self, name: str, entry: RunEntry) -> _Results | None:
        """Return the results from `summary.json`; None if it is not there yet, damaged, or of an earlier end."""
        try:
            content = json.loads(read_bounded(self.folder.run(name) / SUMMARY, _LARGEST))
            is_current = (content["status"], content["iterations"]) == (entry.status, entry.iterations)
            return self._told(content, entry) if is_current else None
        except (OSError, ValueError, KeyError, TypeError, AttributeError, IndexError, RecursionError):
            return None

    def _told(self, content: dict[str, Any] | None, entry: RunEntry) -> _Results | None:
        if content is None:
            return None
        value = self.spec.goal.value(content)
        if value is None and entry.status == "completed":
            self.missing = self.spec.goal.missing(content)
        return value, tuple(epochs(content))

    def _so_far(self, name: str) -> tuple[tuple[int, float], ...]:
        """Return the accuracies of a run that trains: the pruner wants them."""
        if self.spec.pruner == "none":
            return ()
        content = self._summary(name)
        return tuple(epochs(content)) if content is not None else ()

    def _summary(self, name: str) -> dict[str, Any] | None:
        """Return what `summary.json` will have, from the journal: the file is written a moment after the end."""
        try:
            return summary(read(self.folder.run(name)))
        except RunFolderError:
            return None


def _state(trial: Trial, runs: tuple[RunState, ...]) -> TrialState:
    statuses = {run.status for run in runs}
    # A run that was stopped or failed ends its trial; what waits then is not begun.
    for status in ("training", "failed", "stopped", "interrupted", "waiting", "completed"):
        if status in statuses:
            if status == "waiting" and "completed" in statuses:
                return TrialState(trial, "interrupted", runs)
            return TrialState(trial, status, runs)
    raise AssertionError("a trial has a run")
