"""The look before the start tells what will happen, and changes nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from engine.config import TrainingConfig
from engine.preflight import preflight


def test_look_at_the_notebooks_network(tmp_path: Path) -> None:
    """A user sees the data, the device, 89,834 parameters, the shape check and the iterations, and may start."""
    torch.manual_seed(0)
    random_state = torch.get_rng_state()
    look = preflight(TrainingConfig(data="demo", device="cpu", runs_dir=tmp_path / "runs", data_dir=tmp_path / "data"))
    assert look.ready
    told = {check.subject: " ".join(check.lines) for check in look.checks}
    assert list(told) == ["data", "device", "model", "work", "run"]
    assert "demo set" in told["data"]
    assert "10 classes" in told["data"]
    assert told["device"].startswith("cpu")
    assert "89,834 parameters" in told["model"]
    assert "(64, 3, 32, 32) → (64, 10)" in told["model"]
    assert "iterations an epoch" in told["work"]
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), random_state)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"data": "/nowhere/at/all"}, "data"),
        ({"device": "cuda:77"}, "device"),
        ({"runs_dir": Path("/dev/null/runs")}, "runs_dir"),
    ],
)
def test_what_stands_in_the_way(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    """What would make the start fail is told beforehand, with the constant that it is about."""
    config = TrainingConfig(data="demo", device="cpu", runs_dir=tmp_path, data_dir=tmp_path)
    look = preflight(config.replaced(**changed))
    assert not look.ready
    assert list(look.problems) == [problem]
    assert sum(not check.ready for check in look.checks) == 1
