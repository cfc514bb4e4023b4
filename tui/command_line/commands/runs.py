"""`cifar-tui runs`."""

from __future__ import annotations

from json import dumps
from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir


def runs(
    *,
    json: Annotated[bool, Parameter(negative="", help="As JSON.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """List the runs here: name, status, when, accuracy."""
    from engine.storage.listing import list_runs

    entries = list_runs(runs_dir)
    if json:
        print(dumps([entry.as_json() for entry in entries], indent=2, ensure_ascii=False, allow_nan=False))
        return
    from tui.command_line.printed import print_runs

    print_runs(entries, runs_dir)
