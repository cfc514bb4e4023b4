"""A command that torchrun, or a batch system, has started in several processes at once: one of them leads the run."""

from __future__ import annotations

from pathlib import Path

from engine.config import TrainingConfig
from engine.distributed.place import Place
from engine.errors import ConstantError
from tui.command_line.exit_codes import ExitCode
from tui.terminal.ending import Ending


def train_together(config: TrainingConfig, seeds: int, place: Place, *, json: bool, ending: Ending) -> int:
    """Train a new run with all processes. Return the exit code of this one."""
    if seeds > 1:
        raise ConstantError({"seeds": "the processes that torchrun starts train one run; leave it out"})
    if not place.leads:
        return _follow(place)
    from engine.runs import launched
    from tui.command_line.headless import run_and_follow

    return run_and_follow(launched.new(config, place), json=json, ending=ending)


def resume_together(
    runs_dir: Path, run: str | None, processes: int | None, place: Place, *, json: bool, ending: Ending
) -> int:
    """Go on with a run, with all processes. Return the exit code of this one."""
    if not place.leads:
        return _follow(place)
    from engine.runs import launched
    from engine.storage.listing import find
    from tui.command_line.headless import run_and_follow

    return run_and_follow(launched.rest(find(runs_dir, run, "unfinished"), processes, place), json=json, ending=ending)


def _follow(place: Place) -> int:
    from engine.training.parallel.follower import follow

    follow(place)
    return ExitCode.DONE
