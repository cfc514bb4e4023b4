"""Where the program begins."""

from __future__ import annotations

import os
import signal
import sys
from contextlib import suppress


def main() -> None:
    """What the console script runs. Ends the process."""
    from engine.hardware.memory import keep_freed_memory
    from tui.terminal import watchdog

    keep_freed_memory()  # before there are other threads
    watchdog.start()
    try:
        code = execute(sys.argv[1:])
    except KeyboardInterrupt:  # before a run began; a run handles Ctrl-C itself
        code = 128 + signal.SIGINT
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # everything is done: Ctrl-C has nothing left to stop
    for stream in (sys.stdout, sys.stderr):
        with suppress(OSError):  # the reader is gone
            stream.flush()
    # Not `sys.exit`: a thread may still import torch or compute, and then an interpreter that ends aborts.
    os._exit(code)


def execute(arguments: list[str]) -> int:
    """Run one command line and return the exit code."""
    if arguments:
        from tui.command_line.parser import execute_command

        return execute_command(arguments)
    # There is nothing to parse. Without the parser the form is painted sooner.
    from engine.config import TrainingConfig
    from tui.command_line import full_screen

    return full_screen.start(TrainingConfig())
