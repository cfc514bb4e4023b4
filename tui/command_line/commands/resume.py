"""`cifar-tui resume`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter
from cyclopts.validators import Number

from tui.command_line.arguments import EventsAsJson, Notify, RunsDir, WhenDone
from tui.terminal.ending import Ending


def resume(
    run: Annotated[
        str | None, Parameter(help="A run's name or folder. Default: the latest run that did not complete.")
    ] = None,
    /,
    *,
    json: EventsAsJson = False,
    processes: Annotated[
        int | None,
        Parameter(
            validator=Number(gte=1, lte=1_024),
            help="Processes that train together from here on. Default: as when the run was started.",
        ),
    ] = None,
    runs_dir: RunsDir = Path("runs"),
    when_done: WhenDone = "",
    notify: Notify = None,
) -> int:
    """Go on with an interrupted run from its newest checkpoint, with the same constants and images."""
    from engine.distributed.place import from_environment

    if place := from_environment():
        from tui.command_line.launched import resume_together

        return resume_together(runs_dir, run, processes, place, json=json, ending=Ending(when_done, notify))
    from engine.runs.local import Run
    from engine.storage.listing import find
    from tui.command_line.headless import run_and_follow

    run_again = Run.resume(find(runs_dir, run, "unfinished"), processes=processes)
    return run_and_follow(run_again, json=json, ending=Ending(when_done, notify))
