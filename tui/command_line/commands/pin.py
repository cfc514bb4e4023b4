"""`cifar-tui pin`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import Run, RunsDir


def pin(
    run: Run = None,
    /,
    *,
    off: Annotated[bool, Parameter(negative="", help="Pin no run any more.")] = False,
    runs_dir: RunsDir = Path("runs"),
) -> None:
    """Pin the run that others are compared with while they train. Without it, that is the best one."""
    from engine.storage import marks
    from engine.storage.listing import find, list_runs
    from engine.text import clean

    if off:
        for entry in list_runs(runs_dir):
            marks.unpin(entry.path)
        print("No run is pinned.")
        return
    folder = find(runs_dir, run)
    marks.pin(folder)
    print(f"{clean(folder.name)} is pinned.")
