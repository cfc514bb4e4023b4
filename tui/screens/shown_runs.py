"""Which runs a list shows, in which order, with which columns and marks. The screen may close and come back."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from engine.storage.columns import BY_NAME, Column, ordered
from engine.storage.conditions import Condition, ConditionError, read
from engine.storage.entry import RunEntry
from tui.look.run_cells import cell
from tui.widgets.run_rows import Heading, Row

USUAL = tuple(BY_NAME[name] for name in ("name", "status", "left", "accuracy", "model", "started", "tags", "data"))
"""The columns before a person chooses others. Of these, empty ones are left out."""


_LAST_WORD = re.compile(r"[\w-]+$")
_FIELDS = ("has", "tag", "and", "or", "not", *BY_NAME)


class ShownRuns:
    """What a person chose for the list of runs, and what the list shows accordingly. Not thread-safe."""

    def __init__(self) -> None:
        self.entries: Sequence[RunEntry] = ()
        """All runs, the latest first."""
        self.conditions = ""
        """As they were typed."""
        self._meets: Condition = read("")
        self.by = BY_NAME["started"]
        self.descending = True
        self._columns: tuple[Column, ...] | None = None
        self._marked: set[Path] = set()
        self.runs: list[RunEntry] = []
        """The runs that are shown, in their order."""

    def take(self, entries: Sequence[RunEntry]) -> None:
        """Show what the runs are now. Marks of runs that are no longer there go."""
        self.entries = entries
        self._marked &= {entry.path for entry in entries}
        self._choose()

    def filter(self, conditions: str, *, is_typed: bool = False) -> None:
        """Show only the runs that meet `conditions`. Raises `ConditionError`; then nothing changes.

        While they are typed, a last word that no run has and a field begins with is left out: it will be that field.
        """
        meets = read(conditions)
        last = _LAST_WORD.search(conditions) if is_typed and not any(map(meets, self.entries)) else None
        if last and any(field.startswith(last[0].casefold().replace("-", "_")) for field in _FIELDS):
            with suppress(ConditionError):
                meets = read(conditions[: last.start()])
        self._meets, self.conditions = meets, conditions
        self._choose()

    def sort(self, by: Column) -> None:
        """Sort by this column; if the list is already, the other way round."""
        self.descending = not self.descending if by == self.by else by.descending
        self.by = by
        self._choose()

    def _choose(self) -> None:
        self.runs = ordered(filter(self._meets, self.entries), self.by, descending=self.descending)

    # Columns

    @property
    def columns(self) -> tuple[Column, ...]:
        """The columns that are shown."""
        if self._columns is not None:
            return self._columns
        return tuple(column for column in USUAL if column.name == "name" or any(cell(column, run) for run in self.runs))

    def toggle_column(self, column: Column) -> None:
        """Show a column behind the others, or show it no longer. The name stays."""
        shown = self.columns
        if column not in shown:
            self._columns = (*shown, column)
        elif column.name != "name":
            self._columns = tuple(each for each in shown if each != column)

    def choose_columns(self, columns: tuple[Column, ...]) -> None:
        self._columns = columns

    def usual_columns(self) -> None:
        self._columns = None

    # Marks

    @property
    def marked(self) -> list[RunEntry]:
        """The marked runs in the order of the list, those that are not shown last."""
        shown = [run for run in self.runs if run.path in self._marked]
        return shown + [run for run in self.entries if run.path in self._marked and run not in shown]

    def toggle_mark(self, run: RunEntry) -> None:
        self._marked ^= {run.path}

    def toggle_all(self) -> None:
        """Mark all runs that are shown; if they are, take all marks away."""
        shown = {run.path for run in self.runs}
        self._marked = set() if shown <= self._marked else self._marked | shown

    # For the table

    def headings(self) -> list[Heading]:
        return [Heading(column.name, column.label, column.is_number, column.can_be_cut) for column in self.columns]

    def rows(self) -> list[Row]:
        columns = self.columns
        return [
            Row(
                key=str(run.path),
                cells=tuple(cell(column, run) for column in columns),
                marked=run.path in self._marked,
                pinned=run.pinned,
                kind="live" if run.live else "bad" if run.status in ("failed", "unreadable") else "plain",
            )
            for run in self.runs
        ]
