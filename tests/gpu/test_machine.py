"""The figures of a real GPU, and the energy that it uses."""

from __future__ import annotations

import os

import torch

from engine.hardware import cuda, device
from engine.hardware.nvml import Gpu
from engine.record.events import EnergyUsed, RunStarted
from engine.record.log import RunLog
from engine.runs.energy import Metered
from tests.records import run_started


def test_figures_of_this_gpu() -> None:
    """Memory is told of every GPU, power and temperature of a whole one, and this program is not somebody else."""
    with device.working_on(torch.device("cuda:0")):
        torch.ones(1_000, 1_000, device="cuda:0").sum().item()
        found = Gpu(cuda.identity(torch.device("cuda:0"))).sample(os.getpid())
    assert found.memory is not None
    assert 0 < found.memory[0] < found.memory[1]
    assert os.getpid() not in [other.pid for other in found.others]
    if not found.is_part:
        assert found.watts
        assert found.celsius


def test_energy_of_this_gpu() -> None:
    """Work costs energy, and more work more of it; a part of a GPU has none of its own."""
    described = device.describe(torch.device("cuda:0"))
    log = RunLog()
    run = Metered(log, lambda: 1.0, lambda: None)
    started: RunStarted = run_started(device=described)
    run.event(started)
    matrix = torch.ones(8_192, 8_192, device="cuda:0")
    for iteration in (1, 2):
        for _ in range(50):
            matrix @ matrix
        torch.cuda.synchronize()
        run.tell(iteration)
    told = [event.joules for event in log.events if isinstance(event, EnergyUsed)]
    assert described.uuid is not None
    if not Gpu(described.uuid).is_part and told:  # boards before Volta do not count
        first, second = told
        assert first is not None
        assert second is not None
        assert 0 < first < second
