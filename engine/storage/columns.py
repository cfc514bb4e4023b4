"""What a list of runs knows of each run, by name: for its columns, for sorting and for conditions."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Literal

from engine.config import CONSTANTS, Constant
from engine.errors import InputError
from engine.storage.entry import RunEntry

Value = str | int | float | bool | tuple[str, ...] | None
"""None, or empty: it is not known, or there is none."""

Kind = Literal["text", "number", "percent", "seconds", "time", "yes or no", "words"]
"""How values are compared and shown. A time is text in ISO 8601, and words are a tuple."""


@dataclass(frozen=True)
class Column:
    """One thing that is known of each run."""

    name: str
    """As in conditions and on the command line."""
    kind: Kind
    help: str
    value: Callable[[RunEntry], Value]
    is_constant: bool = False
    can_be_cut: bool = False
    """Whether its text may be shortened where there is no room: any length of it is possible."""

    @property
    def label(self) -> str:
        return self.name.replace("_", " ")

    @property
    def is_number(self) -> bool:
        return self.kind in ("number", "percent", "seconds")

    @property
    def descending(self) -> bool:
        """Whether the largest or the latest comes first, unless asked otherwise."""
        return self.kind not in ("text", "words")


_OWN = (
    Column("name", "text", "Name of the run and of its folder.", lambda run: run.name, can_be_cut=True),
    Column("status", "text", "How it stands: training, completed, interrupted, …", lambda run: run.status),
    Column("live", "yes or no", "Whether a process trains it.", lambda run: run.live),
    Column("progress", "percent", "How much of its iterations is done.", lambda run: run.progress),
    Column("left", "seconds", "Time until its end, if it trains.", lambda run: run.left),
    Column("started", "time", "When it started.", lambda run: run.at),
    Column("data", "text", "The images.", lambda run: run.dataset, can_be_cut=True),
    Column("accuracy", "percent", "Of the newest evaluation; v: of validation images.", lambda run: run.accuracy),
    Column("model", "text", "The network.", lambda run: run.model),
    Column("trained", "seconds", "Time spent in training.", lambda run: run.train_seconds),
    Column("images_per_second", "number", "Training images a second.", lambda run: _speed(run)),
    Column("iterations", "number", "Iterations that are done.", lambda run: run.iterations),
    Column("joules", "number", "Energy that its GPU used.", lambda run: run.joules),
    Column("parameters", "number", "Numbers that the network learns.", lambda run: run.parameters),
    Column("machine", "text", "What it computed on.", lambda run: run.device, can_be_cut=True),
    Column(
        "images", "text", "Fingerprint: runs with the same one had the same images.", lambda run: run.fingerprint[:8]
    ),
    Column("pinned", "yes or no", "Whether it is the run that others are compared with.", lambda run: run.pinned),
    Column("tags", "words", "Words that a person gave it.", lambda run: run.tags, can_be_cut=True),
    Column("note", "text", "What a person wrote about it.", lambda run: run.note, can_be_cut=True),
)


def _speed(run: RunEntry) -> float | None:
    size = run.config.get("batch_size")
    if not isinstance(size, int) or not run.train_seconds:
        return None
    return run.iterations * size / run.train_seconds


def _of(constant: Constant) -> Column:
    kind: Kind = "yes or no" if constant.type is bool else "number" if constant.type in (int, float) else "text"
    name = {"data": "source"}.get(constant.name, constant.name)
    return Column(
        name,
        kind,
        constant.help,
        lambda run: run.config.get(constant.name),
        is_constant=True,
        can_be_cut=kind == "text" and (not constant.choices or constant.folder),
    )


COLUMNS = (*_OWN, *(_of(constant) for constant in CONSTANTS if constant.name not in ("name", "model")))
"""All of them: what is found out about a run, then its constants."""

BY_NAME = {column.name: column for column in COLUMNS}

USUAL = tuple(BY_NAME[name] for name in ("name", "status", "started", "data", "model", "accuracy"))
"""The columns of a list on the command line that is not told others."""


def named(name: str) -> Column:
    """Return the column of this name; capitals, `-` and `_` do not matter. Raises `InputError`."""
    asked = name.strip().casefold().replace("-", "_").replace(" ", "_")
    column = BY_NAME.get({"tag": "tags", "lr": "learning_rate"}.get(asked, asked))
    if column is None:
        close = get_close_matches(asked, BY_NAME, n=1)
        meant = f"Did you mean {close[0]}? " if close else ""
        raise InputError(f"There is no {name[:60]!r}. {meant}There are {', '.join(BY_NAME)}.")
    return column


def chosen(text: str | None) -> list[Column]:
    """Return the columns that a person lists, separated by commas; with a + in front the usual ones and these.

    None and an empty text are the usual ones. Raises `InputError`.
    """
    text = (text or "").strip()
    names = [name for name in text.removeprefix("+").split(",") if name.strip()]
    columns = [*map(named, names)]
    if text.startswith("+") or not columns:
        columns = [USUAL[0], *columns, *USUAL[1:]]  # the added ones first: the last do not fit everywhere
    return list(dict.fromkeys(columns))


def ordered(runs: Iterable[RunEntry], by: Column, *, descending: bool) -> list[RunEntry]:
    """Return `runs` sorted by a column. Where it has no value comes last, and equal ones stay in their order."""
    known: list[RunEntry] = []
    unknown: list[RunEntry] = []
    for run in runs:
        (unknown if by.value(run) in (None, "", ()) else known).append(run)
    return [*sorted(known, key=lambda run: _key(by.value(run)), reverse=descending), *unknown]


def _key(value: Value) -> tuple[int, float, str]:
    """What values are sorted by; a number comes before text, which only a damaged record has in its place."""
    if isinstance(value, int | float):
        return 0, value, ""
    return 1, 0, (" ".join(value) if isinstance(value, tuple) else str(value)).casefold()
