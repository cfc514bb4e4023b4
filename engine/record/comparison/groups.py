"""The runs of a comparison, and those among them that differ only in the seed."""

from __future__ import annotations

import re
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import takewhile
from pathlib import Path
from string import ascii_uppercase

from engine.record.comparison.constants import PLACES, WHERE, constants_of
from engine.record.evaluation import Evaluation
from engine.record.events import RunStarted
from engine.record.record import RunRecord
from engine.record.statistics.spread import Spread, spread
from engine.text import clean, counted

COLOURS = 8
"""How many colours runs can have."""


@dataclass(frozen=True, eq=False)
class Compared:
    """One run, as it was when it was read. It has started."""

    name: str
    """That of its folder, with the folder above it if another run is called alike."""
    folder: Path
    record: RunRecord
    colour: int = 0
    """0 to `COLOURS` - 1."""

    @property
    def started(self) -> RunStarted:
        assert self.record.started is not None
        return self.record.started

    @property
    def seed(self) -> object:
        return self.started.config.get("seed")

    @property
    def is_result(self) -> bool:
        """Whether it completed, with an accuracy of the test images."""
        record = self.record
        return record.status == "completed" and bool(record.evaluations) and record.evaluations[-1].split == "test"


@dataclass(frozen=True, eq=False)
class Group:
    """Runs that differ only in the seed, or a run of its own: one column of a comparison."""

    letter: str
    """`A`, `B`, …, `Z`, `AA`, …"""
    runs: tuple[Compared, ...]
    """One a seed. They are completed, or there is only one."""

    @property
    def first(self) -> Compared:
        return self.runs[0]

    @cached_property
    def name(self) -> str:
        """The run's name, cleaned; of several runs what their names begin with."""
        names = [clean(run.name) for run in self.runs]
        if len(names) == 1:
            return names[0]
        alike = takewhile(lambda letters: len(set(letters)) == 1, zip(*names, strict=False))
        shared = re.sub(r"[-_. ]*(seed\d*)?[-_. ]*$", "", "".join(letters[0] for letters in alike))
        return shared or f"{names[0]} …"

    @property
    def seeds(self) -> str:
        """`5 seeds`; empty if it is a single run."""
        return counted(len(self.runs), "seed") if len(self.runs) > 1 else ""

    @cached_property
    def spread(self) -> Spread | None:
        """Of the accuracies of its runs in percent, the newest of each; None if there is none."""
        found = [accuracy for run in self.runs if (accuracy := run.record.accuracy) is not None]
        return spread(found) if found else None

    @property
    def accuracy(self) -> float | None:
        """Percent, the mean of its runs."""
        return self.spread.mean if self.spread else None

    @cached_property
    def evaluations(self) -> tuple[Evaluation, ...]:
        """The newest evaluation of each run that has one."""
        return tuple(found for run in self.runs if (found := run.record.evaluation) is not None)


def grouped(runs: Sequence[Compared]) -> tuple[tuple[Group, ...], list[str]]:
    """Return the groups in the order of their first runs, and in words which runs were left out of them.

    Completed runs on the same images are one group if all constants are the same but the seed and where they ran.
    """
    found: dict[object, list[Compared]] = {}
    said: list[str] = []
    for run in runs:
        with_others = found.setdefault(_key(run) if run.is_result else run.folder, [])
        twin = next((other for other in with_others if other.seed == run.seed), None)
        if twin is not None:
            said.append(
                f"{clean(run.name)} has the constants and the seed of {clean(twin.name)}: only that one counts."
            )
        else:
            with_others.append(run)
    return tuple(Group(letter(i), tuple(members)) for i, members in enumerate(found.values())), said


def _key(run: Compared) -> object:
    """What runs of one group have in common."""
    config = constants_of(run.record)
    same = {name: value for name, value in config.items() if name not in (*PLACES, *WHERE, "seed", "data")}
    return run.started.dataset.fingerprint, tuple(sorted(same.items()))


def letter(number: int) -> str:
    """Return the letters of group `number`, counted from 0, as the columns of a spreadsheet have them."""
    letters = ""
    while number >= 0:
        number, rest = divmod(number, len(ascii_uppercase))
        letters, number = ascii_uppercase[rest] + letters, number - 1
    return letters


def coloured(names: Sequence[str]) -> list[int]:
    """Return a colour for each run, 0 to `COLOURS` - 1: its own, whatever else it is compared with.

    Where two would have the same, the later one takes the next that is free, as long as there is one.
    """
    colours: list[int] = []
    for name in names:
        own = zlib.crc32(name.encode(errors="surrogateescape"))
        room = [(own + i) % COLOURS for i in range(COLOURS)]
        colours.append(next((colour for colour in room if colour not in colours), room[0]))
    return colours
