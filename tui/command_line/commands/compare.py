"""`cifar-tui compare`."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def compare(
    *run: Annotated[
        str,
        Parameter(
            help="Names, folders or patterns in quotes ('fast-*'), two runs or more. The others are compared with the"
            " first."
        ),
    ],
    json: Annotated[bool, Parameter(negative="", help="One JSON object on stdout.")] = False,
    csv: Annotated[bool, Parameter(negative="", help="A line a run, for a spreadsheet.")] = False,
    all: Annotated[bool, Parameter(negative="", help="Constants that are the same, too.")] = False,
    to: Annotated[
        Path | None, Parameter(help="Write a file instead: its ending .html, .svg, .csv or .json says which.")
    ] = None,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Compare runs: what differs, how much better one is, and whether that is more than chance.

    Runs that differ only in the seed are one column, with their mean.
    """
    from engine.errors import ConstantError
    from engine.export.comparison import KINDS, comparison_csv, comparison_json, write_comparison
    from engine.storage.listing import find_all
    from engine.use.compared import compared

    if to is not None and to.suffix.lower() not in KINDS:
        raise ConstantError({"to": f"{to} must end in {', '.join(KINDS[:-1])} or {KINDS[-1]}: that says what it is"})
    if json and csv:
        raise ConstantError({"csv": "give --json or --csv, not both"})
    comparison = compared(find_all(runs_dir, run))
    if to is not None:
        write_comparison(comparison, to)
        print(to)
    elif json:
        sys.stdout.write(comparison_json(comparison, everything=all))
    elif csv:
        sys.stdout.write(comparison_csv(comparison, everything=all))
    else:
        from tui.command_line.comparing import print_comparison

        print_comparison(comparison, everything=all)
