"""Several processes that train one run, against one process: two runs in one program, which wait for each other."""

from __future__ import annotations

import tempfile
import time
from contextlib import ExitStack
from pathlib import Path

from engine.bench.claims import Claim
from engine.bench.contest import Say
from engine.config import TrainingConfig
from engine.control import Leave, Pause, Resume
from engine.errors import EngineError
from engine.runs.local import Run

FASTER = 1.2
"""The iterations per second of two processes over those of one, each with one thread, for `deeper`."""

_PROMISED = ("deeper", 2, "cpu")
_WARM_UP, _WINDOW = 4, 24
"""Iterations: after a pause, and of a window."""


def together(config: TrainingConfig, windows: int, *, stand_in: bool, say: Say) -> tuple[Claim, ...]:
    """Compare `config.processes` with one in so many windows that alternate, with the images of `config`.

    `stand_in` takes the demo set. Raises `EngineError` if one of the runs fails.
    """
    ratios = []
    with tempfile.TemporaryDirectory(prefix="cifar-tui-bench-") as folder, ExitStack() as ending:
        places: dict[str, object] = {"runs_dir": Path(folder), "epochs": 10_000, "evaluate_each_epoch": False}
        if stand_in:
            places |= {"data": "demo", "data_dir": Path(folder)}
        runs = [
            Run(config.replaced(**places, name=f"{processes} processes", processes=processes))
            for processes in (config.processes, 1)
        ]
        for run in runs:
            say(f"starting {run.config.processes} of the processes")
            run.start()
            ending.callback(run.join)
            ending.callback(run.ask, Leave())
            _trained(run, _WARM_UP)
            run.ask(Pause())
        for window in range(windows):
            say(f"{config.processes} processes beside one, window {window + 1} of {windows}")
            several, one = (_seconds(run) for run in runs)
            ratios.append(one / several)
    what = f"{config.processes} processes: iterations per second against one"
    if (config.model, config.processes, config.device) != _PROMISED or config.threads != 1:
        return (Claim(what, "×", tuple(ratios), "", True),)
    claim = Claim(what, "×", tuple(ratios), f"at least {FASTER:g}", True)
    return (Claim(what, "×", claim.measured, claim.promised, claim.median >= FASTER),)


def _seconds(run: Run) -> float:
    """Let a paused run train; return the seconds of an iteration."""
    run.ask(Resume())
    first = _trained(run, _WARM_UP)
    began = time.perf_counter()
    last = _trained(run, _WINDOW)
    seconds = (time.perf_counter() - began) / (last - first)
    run.ask(Pause())
    _trained(run, 0)
    return seconds


def _trained(run: Run, iterations: int) -> int:
    """Wait until a run has trained for so many more, and return how many it has; for 0 until it stands still."""
    if not iterations:
        seen = -1
        while seen != len(run.log.loss_buffer):
            seen = len(run.log.loss_buffer)
            time.sleep(0.5)
        return seen
    until = (len(run.log.loss_buffer) if run.log.training_began else 0) + iterations
    while not run.log.training_began or len(run.log.loss_buffer) < until:
        if run.join(0.002):
            raise EngineError(run.error.message if run.error else "The run ended before it was measured.")
    return len(run.log.loss_buffer)
