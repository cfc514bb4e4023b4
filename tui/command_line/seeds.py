"""Runs that differ only in the seed, one after the other, and what they say together."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import asdict
from json import dumps

from rich.text import Text

from engine.config import TrainingConfig
from engine.errors import ConstantError
from engine.files import expanded
from engine.record.comparison.findings import spread_told
from engine.record.record import RunRecord
from engine.record.statistics.spread import spread
from engine.runs.local import Run
from engine.storage.names import check_new, new_name
from engine.text import clean, counted
from tui.command_line.displays import Display, JsonLines, Nowhere
from tui.command_line.exit_codes import ExitCode
from tui.command_line.headless import follow, on_terminal
from tui.command_line.printed import PlainConsole
from tui.terminal.ending import NOTHING, Ending
from tui.terminal.signals import Signals

_LARGEST_SEED = 2**32 - 1

_TRIES = 100
"""Names that are tried until none of its runs exists."""


def of_seeds(config: TrainingConfig, seeds: int) -> tuple[TrainingConfig, ...]:
    """Return `config` with its seed and those that follow it, each with a name of its own: `calm-tern-seed0`, ….

    Raises `ConstantError`, or `RunFolderError`, if one of these runs cannot have its folder. Nothing is written.
    """
    if config.seed + seeds - 1 > _LARGEST_SEED:
        raise ConstantError({"seeds": f"the last seed would be above {_LARGEST_SEED:,}; begin with a smaller --seed"})
    runs_dir = expanded(config.runs_dir)
    for tries_left in reversed(range(_TRIES)):
        name = config.name or new_name(runs_dir)
        wanted = {seed: f"{name}-seed{seed}" for seed in range(config.seed, config.seed + seeds)}
        taken = any((runs_dir / each).exists() for each in wanted.values())
        if config.name or not taken or not tries_left:
            break
    configs = tuple(
        TrainingConfig.checked({**config.as_json(), "seed": seed, "name": each}) for seed, each in wanted.items()
    )
    for each_config in configs:
        check_new(each_config)
    return configs


def train_seeds(configs: Sequence[TrainingConfig], *, json: bool, ending: Ending = NOTHING) -> int:
    """Train one run for each config. Return the exit code. `ending` runs its command after each, and tells at the end.

    Ctrl-C stops the run that trains, and no other follows. One that fails while it trains does not keep the others from
    their turn; one that fails before would fail again.
    """
    done: list[RunRecord] = []
    run: Run | None = None
    failed: int = ExitCode.DONE
    with Signals(lambda: run) as signals:
        for number, config in enumerate(configs, 1):
            run = Run(config)  # first: a signal that comes now is passed on to it
            if signals.exit_code:
                break
            code = follow(run.start(), _display(config, number, len(configs), json=json), signals, ending)
            record = run.record()
            done.append(record)
            if run.error is not None:
                failed = code
                if record.started is None:
                    break
    with suppress(OSError):  # the terminal is gone
        _tell(done, len(configs), json=json)
    if not signals.exit_code:
        ending.announce(f"cifar-tui: {len(done)} of {counted(len(configs), 'run')} done", json=json)
    return signals.exit_code or failed


def _display(config: TrainingConfig, number: int, count: int, *, json: bool) -> Display:
    if json:
        return JsonLines(sys.stdout)
    try:
        if count > 1:
            PlainConsole().print(Text(f"{clean(config.name)}: run {number} of {count}", "bold"), soft_wrap=True)
        return on_terminal()
    except OSError:  # the terminal is gone; the training is not
        return Nowhere()


def _tell(done: Sequence[RunRecord], wanted: int, *, json: bool) -> None:
    """Tell mean and standard deviation of the runs that completed."""
    completed = [record for record in done if record.status == "completed" and record.accuracy is not None]
    accuracies = [record.accuracy for record in completed if record.accuracy is not None]
    found = spread(accuracies) if accuracies else None
    names = [record.started.name for record in completed if record.started]
    if json:
        told = asdict(found) if found else {}
        content = {"event": "seeds_trained", "runs": names, "accuracies": accuracies, **told}
        print(dumps(content, allow_nan=False), flush=True)
    elif found is not None and found.deviation is not None:
        line = f"{spread_told(found)}."
        if found.n < wanted:
            line += f" {wanted - found.n} of {wanted} did not complete."
        PlainConsole().print(Text(line, "bold"), soft_wrap=True)
