"""Ending a live run of another process, from a terminal."""

from __future__ import annotations

from pathlib import Path

from rich.text import Text

from engine.control import Stop
from engine.errors import RunFolderError
from engine.runs.watched import WatchedRun
from engine.text import clean
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole, print_outcome

_LOOKS = 0.2
"""Seconds between two looks whether it has ended; Ctrl-C is heard in between, and leaves the run to its stopping."""


def stop_run(folder: Path) -> int:
    """Ask the run in `folder` to stop, wait until it has, and tell its results; the exit code."""
    run, console = WatchedRun(folder), PlainConsole()
    if run.ended:
        raise RunFolderError(f"The run {folder.name} is not live: it is {run.record().status}.")
    run.start()
    try:
        run.ask(Stop())
        console.print(Text(f"{clean(folder.name)} was asked to stop; it evaluates and saves first."), soft_wrap=True)
        while not run.join(_LOOKS):
            pass
    except KeyboardInterrupt:
        return ExitCode.INTERRUPTED
    finally:
        run.close()
    record = run.record()
    print_outcome(console, record, folder)
    return ExitCode.FAILED if record.interrupted or record.status == "failed" else ExitCode.DONE
