"""A run without the app."""

from __future__ import annotations

import os
import sys
from contextlib import suppress

from engine.errors import ConstantError
from engine.record.events import Failed
from engine.record.pace import Pace
from engine.record.record import RunRecord
from engine.runs.local import Run
from tui.command_line.displays import Bar, Display, JsonLines, Lines, Nowhere
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole
from tui.terminal.ending import NOTHING, Ending, in_words
from tui.terminal.signals import Signals

_LOOKS_EVERY = 0.1
"""Seconds between two looks at the run."""


def run_and_follow(run: Run, *, json: bool, ending: Ending = NOTHING) -> int:
    """Start `run` and show it until it ends; then `ending` tells of it. Return the exit code."""
    with Signals(lambda: run) as signals:
        code = follow(run.start(), JsonLines(sys.stdout) if json else on_terminal(), signals, ending)
        if not signals.exit_code:
            ending.announce(in_words(run.record(), run.folder.name), json=json)
        return code


def on_terminal() -> Display:
    """A progress line if stdout is a terminal that can move its cursor, plain lines otherwise."""
    console = PlainConsole()
    return Bar(console) if console.is_terminal and not console.is_dumb_terminal else Lines(console)


def without_terminal() -> Display:
    """For a run whose terminal is gone: what is printed from now on goes nowhere, instead of failing."""
    nothing = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nothing, stream)
    return Nowhere()


def follow(run: Run, display: Display, signals: Signals, ending: Ending = NOTHING) -> int:
    """Show `run` until it ends, then run the command of `ending`. Return the exit code.

    A hang-up takes the display away, nothing else. Whoever was told to leave does not wait for the command.
    """
    record, pace = RunRecord(run.log), Pace()
    ended = False
    while not ended:
        ended = run.join(_LOOKS_EVERY)
        new = record.catch_up()
        pace.look(run.seconds(), record)
        try:
            display.show(record, new, pace, run.seconds())
        except OSError:  # the terminal or the pipe is gone; the training is not
            display = Nowhere()
    with suppress(OSError):
        display.close(record, run)
    if failure := ending.follows(record, run.folder, waits=signals.exit_code is None):
        with suppress(OSError):
            print(f"cifar-tui: {failure}", file=sys.stderr)
    if isinstance(record.closing, Failed):
        with suppress(OSError):  # stderr may be gone
            print(f"cifar-tui: {record.closing.reason}", file=sys.stderr)
        return ExitCode.WRONG if isinstance(run.error, ConstantError) else ExitCode.FAILED
    return signals.exit_code or ExitCode.DONE
