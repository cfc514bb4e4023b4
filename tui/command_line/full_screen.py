"""The app in a terminal: before it, around it and after it."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

from engine.config import TrainingConfig
from engine.control import Resume
from tui.command_line.exit_codes import ExitCode


def start(config: TrainingConfig, *, watch: Path | None = None) -> int:
    """Show the form filled in with `config`, or with `watch` the run in that folder; the exit code."""
    if not _can_draw():
        return ExitCode.WRONG
    # Until the first paint all that is made stays: looking through it for garbage took a tenth of the time to there.
    # The app looks again once it is painted.
    gc.disable()
    from tui.app import CifarApp

    screen = CifarApp(config.as_json(), watch=watch)
    # Python's own handlers, not the event loop's: between the app and what follows it there is no loop.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, lambda number, _: screen.heard(number))
    screen.run()
    for number in (signal.SIGTSTP, signal.SIGCONT):  # Textual leaves its own, which want to draw the screen again
        signal.signal(number, signal.SIG_DFL)
    gc.enable()  # where the app ended before it did so itself
    code: int = ExitCode.FAILED if screen.return_code else ExitCode.DONE
    if screen.training is not None:
        from tui.command_line.headless import (  # only now: it brings numpy, which the form does without
            follow,
            nowhere,
            on_terminal,
        )

        screen.training.ask(Resume())  # paused without a screen would be paused for ever
        code = follow(screen.training, nowhere() if screen.is_cut_off else on_terminal())
    if signal.SIGTERM in screen.received:
        return ExitCode.TERMINATED
    return ExitCode.INTERRUPTED if signal.SIGINT in screen.received else code


def _can_draw() -> bool:
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown"):
        return True
    print(
        "cifar-tui: the app needs a terminal that can draw a full screen, and this is none;"
        " 'cifar-tui train' trains without it.",
        file=sys.stderr,
    )
    return False
