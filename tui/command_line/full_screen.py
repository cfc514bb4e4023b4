"""The app in a terminal: before it, around it and after it."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from engine.config import TrainingConfig
from tui.command_line.exit_codes import ExitCode
from tui.terminal.ending import DEFAULT, NOTHING, Ending, in_words

if TYPE_CHECKING:
    from tui.look.colours import Depth


def start(
    config: TrainingConfig, *, watch: Path | None = None, colours: Depth | None = None, ending: Ending = DEFAULT
) -> int:
    """Show the form filled in with `config`, or with `watch` the run in that folder. Return the exit code.

    `colours` is how many the terminal has; None: as its environment tells. `ending` tells of the end of a run.
    """
    if not _can_draw():
        return ExitCode.WRONG
    # No garbage is collected until the first paint: that took a tenth of the time. The app switches it on again.
    gc.disable()
    from tui.app import CifarApp
    from tui.terminal.signals import Signals

    app = CifarApp(config.as_json(), watch=watch, colours=colours, ending=ending)
    # The same handlers while the app runs and while its run goes on without it.
    with Signals(app.running, app.on_signal) as signals:
        try:
            app.run()
        finally:
            if app.view is not None:
                app.view.close()  # whatever ended the app, a pause ends with it
        for number in (signal.SIGTSTP, signal.SIGCONT):  # the driver's own handlers would draw the screen again
            signal.signal(number, signal.SIG_DFL)
        gc.enable()  # in case that the app ended before it did so
        code: int = ExitCode.FAILED if app.return_code else ExitCode.DONE
        if app.training is not None:
            # Imported only now: it brings numpy, which the form does not need.
            from tui.command_line.headless import follow, on_terminal, without_terminal

            run = app.training
            run.close()
            left = NOTHING if app.has_told_of(run) else ending
            code = follow(run, without_terminal() if app.is_cut_off else on_terminal(), signals, left)
            if not signals.exit_code and not app.is_cut_off:
                left.announce(in_words(run.record(), run.folder.name))
    return signals.exit_code or code


def _can_draw() -> bool:
    if sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM", "dumb") not in ("", "dumb", "unknown"):
        return True
    print(
        "cifar-tui: the app needs a terminal that can draw a full screen on stdin and stdout;"
        " 'cifar-tui train' trains without it.",
        file=sys.stderr,
    )
    return False
