"""`cifar-tui resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import EventsAsJson, Notify, RunsDir, WhenDone
from tui.terminal.ending import Ending


def resume(
    run: Annotated[
        str | None, Parameter(help="A run's name or folder. Default: the latest run that did not complete.")
    ] = None,
    /,
    *,
    json: EventsAsJson = False,
    runs_dir: RunsDir = Path("runs"),
    when_done: WhenDone = "",
    notify: Notify = None,
) -> int:
    """Go on with an interrupted run from its newest checkpoint, with the same constants and images."""
    from engine.runs.local import Run
    from engine.storage.listing import find
    from tui.command_line.headless import run_and_follow

    return run_and_follow(Run.resume(find(runs_dir, run, "unfinished")), json=json, ending=Ending(when_done, notify))
