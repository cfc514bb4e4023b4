"""bfloat16 is offered where it was measured to be faster, and never at the cost of a run."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
import torch

from engine.config import TrainingConfig
from engine.control import Control
from engine.hardware import processors
from engine.preflight import preflight
from engine.record.log import RunLog
from engine.training import alone, gain
from engine.training.gain import bfloat16_gain, measured
from engine.training.trainer import train
from tests.images import made_up_images

CONFIG = TrainingConfig(model="batchnorm", data="demo", device="cpu", threads=1, epochs=1)


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[TrainingConfig]:
    """The configs that were measured on a processor with bfloat16 where it is 1.3 times as fast."""
    configs: list[TrainingConfig] = []

    def measured(config: TrainingConfig) -> float:
        configs.append(config)
        return 1.3

    monkeypatch.setattr(gain, "_measured", {})
    monkeypatch.setattr(gain, "measured", measured)
    has_bfloat16(monkeypatch, True)
    return configs


def has_bfloat16(monkeypatch: pytest.MonkeyPatch, native: bool | None) -> None:
    for module in (processors, gain):
        monkeypatch.setattr(module, "has_native_bfloat16", lambda: native)


def offered(folder: Path, **constants: object) -> str:
    """What the look ahead says about the precision."""
    look = preflight(CONFIG.replaced(runs_dir=folder, data_dir=folder, **constants))
    return " ".join(next(check.lines for check in look.checks if check.subject == "device")[2:])


@pytest.mark.parametrize(
    ("ratio", "float32", "bfloat16"),
    [
        (1.38, "bfloat16 is 1.4 × as fast here, with fewer digits", ""),
        (1.04, "", ""),
        (0.5, "", "float32 is 2.0 × as fast here"),
    ],
)
def test_what_is_offered(
    ratio: float,
    float32: str,
    bfloat16: str,
    asked: list[TrainingConfig],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The look ahead names the precision that is clearly faster here, and nothing else."""
    monkeypatch.setattr(gain, "measured", lambda config: ratio)
    assert offered(tmp_path, precision="bfloat16") == ""  # not measured for it
    assert offered(tmp_path) == float32
    assert offered(tmp_path, precision="bfloat16") == bfloat16


def test_each_network_is_measured_once(asked: list[TrainingConfig], tmp_path: Path) -> None:
    """Only another network, batch size or thread count is measured again."""
    for _ in range(2):
        for changed in ({}, {"learning_rate": 0.1}, {"batch_size": 8}, {"model": "residual"}):
            assert "1.3 ×" in offered(tmp_path, **changed)
    assert [(config.model, config.batch_size) for config in asked] == [
        *(("batchnorm", 32), ("batchnorm", 8), ("residual", 32))
    ]


def test_processor_without_bfloat16(
    asked: list[TrainingConfig], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Without instructions for it nothing is measured, and whoever chose bfloat16 is told."""
    has_bfloat16(monkeypatch, False)
    assert offered(tmp_path) == ""
    assert offered(tmp_path, precision="bfloat16").startswith("float32 is faster")
    has_bfloat16(monkeypatch, None)
    assert offered(tmp_path, precision="bfloat16") == offered(tmp_path) == ""
    assert asked == []


def test_nothing_is_measured_beside_a_run(asked: list[TrainingConfig]) -> None:
    """While a run trains in this process nothing is measured; afterwards it is."""
    found = []
    log = RunLog()
    log.losses = lambda values: found.append(bfloat16_gain(CONFIG))  # type: ignore[method-assign]
    train(CONFIG, made_up_images(32, 20), log, Control())
    assert found == [None]
    assert bfloat16_gain(CONFIG) == 1.3


def test_a_run_waits_for_a_measurement() -> None:
    """A run that is started during a measurement begins after it, so that neither disturbs the other."""
    began = threading.Event()

    def run() -> None:
        with alone.training():
            began.set()

    with alone.measuring() as is_free:
        assert is_free
        with alone.measuring() as also:
            assert not also
        thread = threading.Thread(target=run)
        thread.start()
        assert not began.wait(0.1)
    thread.join(10)
    assert began.is_set()


def test_measuring_leaves_no_trace() -> None:
    """Measuring draws no random number and leaves the thread count alone; each precision trains at least twice."""
    before, random = torch.get_num_threads(), torch.get_rng_state()
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1
        return now

    assert measured(CONFIG.replaced(batch_size=4, threads=before + 1), clock) == 1.0
    assert now == 1 + 2 * 4 + 1  # the end, two turns with two times each, and one more look at the end
    assert torch.get_num_threads() == before
    assert torch.equal(torch.get_rng_state(), random)
