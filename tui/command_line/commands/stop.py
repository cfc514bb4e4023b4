"""`cifar-tui stop`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from cyclopts import Parameter

from tui.command_line.arguments import RunsDir
from tui.command_line.exit_codes import ExitCode

_LOOKS_EVERY = 0.2
"""Seconds between two looks whether the run has ended."""


def stop(
    run: Annotated[str | None, Parameter(help="A run's name or folder. Default: the latest live run.")] = None,
    /,
    *,
    runs_dir: RunsDir = Path("runs"),
) -> int:
    """Ask a live run to stop, evaluate and save, and wait until it has ended. Ctrl-C waits no longer."""
    from rich.text import Text

    from engine.control import Stop
    from engine.errors import RunFolderError
    from engine.runs.watched import WatchedRun
    from engine.storage.listing import find
    from engine.text import clean
    from tui.command_line.printed import PlainConsole, print_outcome

    folder, console = find(runs_dir, run, "live"), PlainConsole()
    watched = WatchedRun(folder)
    if watched.ended:
        raise RunFolderError(f"The run {folder.name} is not live: it is {watched.record().status}.")
    watched.start()
    try:
        watched.ask(Stop())
        console.print(Text(f"{clean(folder.name)} was asked to stop; it evaluates and saves first."), soft_wrap=True)
        while not watched.join(_LOOKS_EVERY):
            pass
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        watched.close()
    record = watched.record()
    print_outcome(console, record, folder)
    return ExitCode.FAILED if record.interrupted or record.status == "failed" else ExitCode.DONE
