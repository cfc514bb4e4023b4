"""What it costs to look at the machine: processor time that the training could have had."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

from engine.bench.claims import Claim
from engine.hardware.monitor import Monitor, Trainer
from engine.hardware.samples import EVERY

_ROUNDS, _LOOKS = 6, 50

_ALLOWED = 4.0
"""Milliseconds: a fifth of a percent of one processor, since there is a look every two seconds."""


def looks(device: str, folder: Path, say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Measure what looking at this machine costs, and at its GPU if `device` is one, for a run in `folder`."""
    gpu = _identity(device)
    costs = []
    for turn in range(_ROUNDS):
        say(f"looking at the machine, {turn + 1} of {_ROUNDS}")
        monitor = Monitor(folder, gpu, lambda: Trainer(os.getpid()), every=0.005)
        began = time.process_time()
        monitor.start()
        while (done := len(monitor.reading().computer)) < _LOOKS:
            time.sleep(0.05)
        monitor.close()
        costs.append(1000 * (time.process_time() - began) / done)
    costs = costs[1:]  # the first loads the libraries
    what = f"processor time of a look at the machine, every {EVERY:g} s"
    return (Claim(what, "ms", tuple(costs), f"at most {_ALLOWED:g}", median(costs) <= _ALLOWED),)


def _identity(device: str) -> str | None:
    if not device.startswith("cuda"):
        return None
    import torch

    from engine.hardware import cuda

    return cuda.identity(torch.device(device))
