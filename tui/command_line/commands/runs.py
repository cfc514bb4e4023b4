"""`cifar-tui runs`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def runs(
    *condition: Annotated[
        str,
        Parameter(
            help="Only the runs that meet them: a word, 'accuracy>70', model=cnn, has:validation, tag:good, NOT, OR,"
            " parentheses."
        ),
    ],
    columns: Annotated[
        str | None,
        Parameter(help="What to show, such as name,accuracy,learning_rate; +seed,tags adds to the usual ones."),
    ] = None,
    sort: Annotated[str | None, Parameter(help="The column to sort by. Default: the latest run first.")] = None,
    reverse: Annotated[bool, Parameter(negative="", help="The other way round.")] = False,
    json: Annotated[bool, Parameter(negative="", help="As JSON.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """List the runs here: name, status, when, accuracy."""
    from engine.storage.columns import BY_NAME, chosen, named, ordered
    from engine.storage.listing import list_runs
    from tui.command_line.asked import read_conditions

    shown, meets = chosen(columns), read_conditions(condition)
    by = BY_NAME["started"] if sort is None else named(sort)
    everything = list_runs(runs_dir)
    entries = ordered(filter(meets, everything), by, descending=by.descending != reverse)
    if json:
        values = [
            entry.as_json() if columns is None else {column.name: column.value(entry) for column in shown}
            for entry in entries
        ]
        print(dumps(values, indent=2, ensure_ascii=False, allow_nan=False))
        return
    from tui.command_line.run_list import print_none, print_runs, print_sweeps

    if entries:
        print_runs(entries, shown)
    else:
        print_none(runs_dir, there_are=len(everything))
    if not condition:
        print_sweeps(runs_dir)
