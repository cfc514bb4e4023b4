"""`cifar-tui watch`."""

from __future__ import annotations

from pathlib import Path

from engine.config import TrainingConfig
from tui.command_line import full_screen
from tui.command_line.arguments import Colours, Notify, Run, RunsDir, WhenDone
from tui.terminal.ending import Ending


def watch(
    run: Run = None,
    /,
    *,
    runs_dir: RunsDir = Path("runs"),
    colours: Colours = "auto",
    when_done: WhenDone = "",
    notify: Notify = None,
) -> int:
    """Show a run of another process as it trains, or the results of one that ended; or a sweep."""
    from engine.files import expanded
    from engine.storage.layout import is_sweep
    from engine.storage.listing import find

    places = () if run is None else (expanded(run), expanded(runs_dir) / run)
    sweep = next(filter(is_sweep, places), None)

    return full_screen.start(
        TrainingConfig(runs_dir=runs_dir),
        watch=sweep or find(runs_dir, run),
        colours=None if colours == "auto" else colours,
        ending=Ending(when_done, notify),
    )
