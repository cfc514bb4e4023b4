"""What is printed on the normal screen: the outcome of a run."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from rich import box
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from engine.export import FILES
from engine.record.events import Failed
from engine.record.record import RunRecord
from engine.text import clean, counted, energy_used
from tui.look.cells import bar
from tui.look.wording import duration

_BAR = 24
"""Cells of a full bar."""


ColourSystem = Literal["auto", "truecolor", "256", "standard"]
"""How many colours a terminal has, in Rich's words; `auto`: as its environment tells, and none in a pipe."""


class PlainConsole(Console):
    """A console without markup. Its user handles a reader that is gone."""

    def __init__(self, colours: ColourSystem | None = "auto") -> None:
        """`colours` None: no styles either, as in a pipe."""
        super().__init__(highlight=False, markup=False, emoji=False, color_system=colours)

    def on_broken_pipe(self) -> None:
        """Rich would end the program with exit code 1, in the middle of a run."""
        raise BrokenPipeError


def print_outcome(console: Console, record: RunRecord, folder: Path) -> None:
    """Print a short summary of a run that has ended, and where its files are."""
    if record.started is None:
        if not isinstance(record.closing, Failed):
            console.print(Text("Stopped before training began. Nothing was written."))
        return
    print_accuracy(console, record)
    print_end(console, record, folder)


def print_accuracy(console: Console, record: RunRecord) -> None:
    """Print the name of a run that has started, its status, and the accuracies of its last evaluation."""
    started, evaluation = record.started, record.evaluation
    assert started is not None
    headline = Text.assemble((clean(started.name), "bold"), f"  {record.status}")
    if evaluation is not None:
        headline.append(f"  {evaluation.accuracy:.2f} %", style="bold")
        last = record.evaluations[-1]
        views = f" with {last.views} views" if last.views > 1 else ""
        images = f"{evaluation.correct:,} of {evaluation.total:,} {last.split} images{views}"
        headline.append(f"  ({images}, {clean(started.dataset.name)})")
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
        print_line(console, headline)
        if measures := record.measures(last):
            print_line(console, Text(" · ".join(measures)))
        console.print(table)
    else:
        print_line(console, headline)


def print_end(console: Console, record: RunRecord, folder: Path) -> None:
    """Print how long a run took, what it noticed, and where it is."""
    closing = record.closing
    if closing is not None:
        trained = f"{counted(closing.iterations, 'iteration')} in {duration(closing.train_seconds)}"
        chosen = f", {record.chosen}" * bool(record.chosen)
        console.print(Text(f"{trained}, evaluation {closing.evaluation_seconds:.1f} s{chosen}"))
        if energy := energy_used(record.joules, record.joules_per_thousand):
            console.print(Text(f"energy of the GPU: {energy}"))
    if record.interrupted:
        console.print(Text(f"cifar-tui resume {clean(folder.name)} goes on with it."), soft_wrap=True)
    for note in (*record.notices, *record.warnings):
        console.print(Text(clean(note)), soft_wrap=True)
    place, files = f"The run is in {clean(folder)}", f": {', '.join(FILES)}"
    if record.interrupted or (console.is_terminal and cell_len(place + files) > console.width):
        files = ""
    console.print(Text(place + files), soft_wrap=True)  # a path is never cut


def print_line(console: Console, text: Text) -> None:
    """Print `text` in one line: cut on a terminal, whole in a pipe."""
    if console.is_terminal:
        text.truncate(console.width, overflow="ellipsis")
    console.print(text, soft_wrap=True)
