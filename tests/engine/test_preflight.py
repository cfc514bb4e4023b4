"""The checks before the start say what will happen, and change nothing."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from PIL import Image

from engine.config import TrainingConfig
from engine.preflight import preflight


def test_look_at_the_notebooks_network(tmp_path: Path) -> None:
    """The checks name the data, the device, 89,834 parameters, the shape and the iterations."""
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
    assert "1,252 iterations, 313 an epoch" in told["work"]
    assert list(tmp_path.iterdir()) == []
    assert torch.equal(torch.get_rng_state(), random_state)


def test_one_of_a_kind_is_in_the_singular(tmp_path: Path) -> None:
    """A small run has "1 iteration an epoch" and "1 thread", and classes of different sizes have no common number."""
    for path, images in (("train/a", 2), ("train/b", 4), ("test/a", 1), ("test/b", 1)):
        (tmp_path / path).mkdir(parents=True)
        for number in range(images):
            Image.new("RGB", (32, 32)).save(tmp_path / path / f"{number}.png")
    config = TrainingConfig(data=str(tmp_path), device="cpu", threads=1, epochs=1, runs_dir=tmp_path / "runs")
    checks = {check.subject: check.lines for check in preflight(config).checks}
    assert checks["data"][1] == "6 training · 2 test · 2 classes"
    assert checks["device"][1] == "1 thread"
    assert checks["work"] == ("1 iteration, 1 an epoch", "1 evaluation of 2 test images")


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"data": "/nowhere/at/all"}, "data"),
        ({"device": "cuda:77"}, "device"),
        ({"runs_dir": Path("/dev/null/runs")}, "runs_dir"),
    ],
)
def test_what_stands_in_the_way(tmp_path: Path, changed: dict[str, object], problem: str) -> None:
    """What would make the start fail is found before, with the constant that causes it."""
    config = TrainingConfig(data="demo", device="cpu", runs_dir=tmp_path, data_dir=tmp_path)
    look = preflight(config.replaced(**changed))
    assert not look.ready
    assert list(look.problems) == [problem]
    assert sum(not check.ready for check in look.checks) == 1
