"""Reads a sweep for its screen, off the event loop: the runs of its trials, and what they say together."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from engine.storage.listing import Looked
from engine.sweeps.folder import SweepFolder
from engine.sweeps.overview import Overview, overview
from engine.sweeps.suggestions import importance
from engine.sweeps.sweep import Sweep
from engine.sweeps.workers import living

_MORE_TRIALS = 1.1
"""The shares of the constants are computed again once there are so many times as many trials."""


class SweepReader:
    """Looks at the sweep in a folder again and again. Only one thread at a time may call `look`."""

    def __init__(self, path: Path) -> None:
        """Raises `RunFolderError` if there is no sweep in `path`."""
        self.folder = SweepFolder.open(path)
        self._sweep = Sweep(self.folder)
        self.seen: Overview | None = None
        """What the trials said together at the last look."""
        self.shares: Mapping[str, float] = {}
        """How much of the differences each constant explains; empty while that is not known."""
        self.workers = 0
        """Processes that work on the sweep."""
        self._shares_of = 0

    def look(self) -> Looked:
        """Return the runs of all trials, the latest first. Raises `RunFolderError`."""
        states = self._sweep.look()
        self.seen = overview(self.folder.spec, states)
        self.workers = len(list(living(self.folder.path)))
        done = len(self.seen.best)
        if done > _MORE_TRIALS * self._shares_of and find_spec("optuna") is not None:
            self._shares_of, self.shares = done, importance(self.folder.spec, states)
        entries = [run.entry for state in states for run in state.runs if run.entry is not None]
        return Looked(tuple(sorted(entries, key=lambda entry: entry.moment, reverse=True)))
