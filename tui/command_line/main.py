"""Where the program begins."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """What the console script runs. Ends the process."""
    code = execute(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and told: Ctrl-C has nothing left to stop
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader has gone
            stream.flush()
    # Not `sys.exit`: torch may still be loaded, or compute, in a thread, and an interpreter that ends amid that aborts.
    os._exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command line; the exit code."""
    if arguments:
        from tui.command_line.commands import execute_command

        return execute_command(arguments)
    # Nothing is to be parsed: the form is painted the sooner without what would parse it.
    from engine.config import TrainingConfig
    from tui.command_line import full_screen

    return full_screen.start(TrainingConfig())
