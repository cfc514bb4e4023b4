"""Where the program begins."""

from __future__ import annotations

import os
import signal
import sys


def main() -> None:
    """What the console script runs."""
    code = execute(sys.argv[1:])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # all is done and told: Ctrl-C has nothing left to stop
    try:
        sys.stdout.flush()
    except OSError:  # the reader has gone: the interpreter would complain of what is left to be written
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    sys.exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command line; the exit code."""
    if arguments:
        from tui.commands import execute_command

        return execute_command(arguments)
    # Nothing is to be parsed: the form is painted the sooner without what would parse it.
    from engine.config import TrainingConfig
    from tui import full_screen

    return full_screen.start(TrainingConfig())
