"""The list of runs on the normal screen."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from engine.errors import EngineError
from engine.storage.columns import BY_NAME, USUAL, Column
from engine.storage.entry import RunEntry
from engine.storage.listing import sweeps
from engine.sweeps.folder import SweepFolder
from engine.sweeps.overview import overview
from engine.sweeps.sweep import Sweep
from engine.text import clean, counted
from tui.command_line.printed import PlainConsole
from tui.look.run_cells import cell, fitting

_GAP = 3
"""Blanks between two columns of a table."""

_EDGES = 2
"""Cells before the first and after the last column."""

_SWEEPS = 10
"""Sweeps that are told of, below the runs."""


def print_runs(entries: Sequence[RunEntry], columns: Sequence[Column] = USUAL) -> None:
    """Print a table of `entries` with a line each. On a terminal it is cut to its width, in a pipe it is whole."""
    console = PlainConsole()
    texts = [[column.label for column in columns], *([cell(column, entry) for column in columns] for entry in entries)]
    widths = [max(map(cell_len, each)) for each in zip(*texts, strict=True)]
    shown = len(columns)
    if console.is_terminal:
        room = console.width - _EDGES
        can_be_cut = [column.can_be_cut for column in columns]
        while _needed(cells := fitting(can_be_cut[:shown], widths[:shown], room, _GAP)) > room and shown > 1:
            shown -= 1
        widths = cells
    else:
        console.width = max(console.width, _needed(widths) + _EDGES)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column, width in zip(columns[:shown], widths, strict=False):
        table.add_column(
            column.label,
            no_wrap=True,
            overflow="ellipsis",
            width=width,
            justify="right" if column.is_number else "left",
        )
    for row in texts[1:]:
        table.add_row(*(Text(text) for text in row[:shown]))
    console.print(table)
    _print_remarks(console, entries, columns)
    if shown < len(columns):
        console.print(f"Without room here: {', '.join(column.name for column in columns[shown:])}.", soft_wrap=True)


def _needed(widths: Sequence[int]) -> int:
    return sum(widths) + _GAP * (len(widths) - 1)


def _print_remarks(console: PlainConsole, entries: Sequence[RunEntry], columns: Sequence[Column]) -> None:
    if any(entry.split == "validation" for entry in entries) and BY_NAME["accuracy"] in columns:
        console.print("v: of the validation images")
    for entry in entries:
        for remark in (entry.problem, entry.remark):
            if remark:
                console.print(Text(f"{clean(entry.name)}: {clean(remark)}"), soft_wrap=True)


def print_none(runs_dir: Path, *, there_are: int) -> None:
    """Print why no run is listed: there is none, or none meets the conditions."""
    told = f"There is no run in {clean(runs_dir)} yet. cifar-tui train starts one."
    if there_are:
        told = f"None of the {there_are:,} runs in {clean(runs_dir)} meets the conditions."
    PlainConsole().print(told, soft_wrap=True)


def print_sweeps(runs_dir: Path) -> None:
    """Print a line for each of the latest sweeps."""
    console = PlainConsole()
    for folder in sweeps(runs_dir)[:_SWEEPS]:
        try:
            opened = SweepFolder.open(folder)
            seen = overview(opened.spec, Sweep(opened).look())
        except EngineError as error:
            told = error.message
        else:
            told = f"{seen.ended:,} of {counted(seen.planned, 'trial')} ended"
            if seen.best:
                best = seen.best[0]
                told += f", the best {best.value:,.4g} (trial {best.trial.number})"
        console.print(Text(f"sweep {clean(folder.name)}: {clean(told)}"), soft_wrap=True)
