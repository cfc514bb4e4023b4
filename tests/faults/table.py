"""What was done to the program and what it made of it, counted over all tests of a session."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass


@dataclass
class Fault:
    """One row: how often a fault was made, how often all that must hold held, and the worst figures seen."""

    times: int = 0
    held: int = 0
    worst: dict[str, float] | None = None


class Table:
    def __init__(self) -> None:
        self._faults: defaultdict[str, Fault] = defaultdict(Fault)

    def count(self, fault: str, held: bool = True, **figures: float) -> None:
        """Note that `fault` was made once; `figures` are kept where they are the worst so far."""
        row = self._faults[fault]
        row.times += 1
        row.held += held
        for name, value in figures.items():
            row.worst = row.worst or {}
            row.worst[name] = max(value, row.worst.get(name, value))

    def lines(self) -> list[str]:
        """A table in Markdown, as the README shows it."""
        if not self._faults:
            return []
        rows = [
            f"| {fault} | {row.times:,} | {row.held:,} | "
            + ", ".join(f"{name.replace('_', ' ')} {value:.2f}" for name, value in (row.worst or {}).items())
            + " |"
            for fault, row in self._faults.items()
        ]
        return ["| fault | times | held | worst |", "| --- | --- | --- | --- |", *rows]


TABLE = Table()
