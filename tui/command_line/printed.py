"""What is printed to the normal screen: a run's outcome, the list of runs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.export import FILES
from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.storage.listing import RunEntry
from engine.text import clean
from tui.look.cells import bar
from tui.look.wording import duration, moment

_BAR = 24
"""Cells of a full bar."""


class PlainConsole(Console):
    """A console that takes nothing for markup, and leaves it to its user what a reader that went away means."""

    def __init__(self) -> None:
        super().__init__(highlight=False, markup=False, emoji=False)

    def on_broken_pipe(self) -> None:
        """Rich would end the program with exit code 1, in the middle of a run that nothing is wrong with."""
        raise BrokenPipeError


def print_outcome(console: Console, record: RunRecord, folder: Path) -> None:
    """A short summary of a run that has ended, and where its files are."""
    started, closing, evaluation = record.started, record.closing, record.evaluation
    if started is None:
        if not isinstance(closing, Failed):
            console.print(Text("Stopped before training began. Nothing was written."))
        return
    headline = Text.assemble((clean(started.name), "bold"), f"  {record.status}")
    if evaluation is not None:
        headline.append(f"  {evaluation.accuracy:.2f} %", style="bold")
        headline.append(
            f"  ({evaluation.correct:,} of {evaluation.total:,} test images, {clean(started.dataset.name)})"
        )
        table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
        table.add_column("class", max_width=24, no_wrap=True, overflow="ellipsis")
        for heading in ("correct", "of", "accuracy"):
            table.add_column(heading, justify="right")
        table.add_column("")
        for one in evaluation.per_class:
            accuracy = Text(bar(one.accuracy / 100, _BAR), style="blue")
            table.add_row(
                Text(clean(one.name)), f"{one.correct:,}", f"{one.total:,}", f"{one.accuracy:.1f} %", accuracy
            )
        console.print()
        console.print(headline, soft_wrap=True)
        console.print(table)
    else:
        console.print(headline, soft_wrap=True)
    if closing is not None:
        trained = f"{closing.iterations:,} iterations in {duration(closing.train_seconds)}"
        console.print(Text(f"{trained}, evaluation {closing.evaluation_seconds:.1f} s"))
    if record.interrupted:
        console.print(Text(f"cifar-tui resume {clean(folder.name)} goes on with it."), soft_wrap=True)
    for note in record.notices:
        console.print(Text(clean(note)), soft_wrap=True)
    files = "" if record.interrupted else f": {', '.join(FILES)}"
    console.print(Text(f"The run is in {clean(folder)}{files}"), soft_wrap=True)


def print_runs(entries: Sequence[RunEntry], runs_dir: Path) -> None:
    """The runs as a table, the latest first."""
    console = PlainConsole()
    if not entries:
        console.print(f"There is no run in {clean(runs_dir)} yet. cifar-tui train starts one.", soft_wrap=True)
        return
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    table.add_column("name", no_wrap=True, overflow="ellipsis", max_width=32)
    table.add_column("status")
    table.add_column("started")
    table.add_column("data", no_wrap=True, overflow="ellipsis", max_width=24)
    table.add_column("model")
    table.add_column("accuracy", justify="right")
    for entry in entries:
        table.add_row(
            Text(clean(entry.name)),
            entry.status,
            moment(entry.at),
            Text(clean(entry.dataset)),
            Text(clean(entry.model)),
            "" if entry.accuracy is None else f"{entry.accuracy:.2f} %",
        )
    console.print(table)
