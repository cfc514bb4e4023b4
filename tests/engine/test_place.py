"""Which process of a run this one is, and whether the machine has a device for each of them."""

from __future__ import annotations

import socket
from collections.abc import Mapping

import pytest

from engine.config import TrainingConfig
from engine.distributed.meeting import Meeting
from engine.distributed.place import Place, from_environment
from engine.errors import ConstantError
from engine.hardware import cuda
from engine.hardware.cuda import Gpus
from engine.hardware.device import of_process
from engine.hardware.processors import ThreadLimit, thread_limit
from engine.preflight import preflight

TORCHRUN = {
    "RANK": "3",
    "WORLD_SIZE": "4",
    "MASTER_ADDR": "node7",
    "MASTER_PORT": "29500",
    "LOCAL_RANK": "1",
    "LOCAL_WORLD_SIZE": "2",
    "TORCHELASTIC_RESTART_COUNT": "1",
    "TORCHELASTIC_USE_AGENT_STORE": "True",
}


def test_what_torchrun_says() -> None:
    """A process that torchrun has started knows its rank, its GPU, and how often all were started again."""
    place = Place(rank=3, size=4, host="node7", port=29500, rank_here=1, size_here=2, attempt=1, hosted=True)
    assert from_environment(TORCHRUN) == place
    assert not place.leads
    assert from_environment({"WORLD_SIZE": "4"}) is None


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"RANK": "4"}, "RANK=4, WORLD_SIZE=4"),
        ({"RANK": "first"}, "RANK=first, which is not a whole number"),
        ({"MASTER_PORT": "99999"}, "MASTER_PORT=99999"),
        ({"LOCAL_RANK": "-1"}, "LOCAL_RANK=-1"),
    ],
)
def test_an_environment_that_makes_no_sense(changed: Mapping[str, str], told: str) -> None:
    """Wrong variables are refused in a line that shows them."""
    with pytest.raises(ConstantError, match=told):
        from_environment({**TORCHRUN, **changed})


def test_a_port_that_is_taken() -> None:
    """A leader whose port is taken says so in a line, with what to do."""
    with socket.create_server(("127.0.0.1", 0)) as taken:
        place = Place(rank=0, size=2, host="127.0.0.1", port=taken.getsockname()[1])
        with pytest.raises(ConstantError, match=r"the port of 127\.0\.0\.1:\d+ is taken; choose another MASTER_PORT"):
            Meeting(place)


@pytest.fixture
def two_processors(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in ("device", "processors"):
        monkeypatch.setattr(f"engine.hardware.{module}.processor_limit", lambda: ThreadLimit(2))
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)


def test_more_processes_than_devices(two_processors: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """More processes than processors, or than GPUs, are refused before anything starts, as are several on one GPU."""
    monkeypatch.setattr(cuda, "gpus", lambda: Gpus(0))
    assert [of_process("auto", 2), of_process("cpu", 2, 1), of_process("mps", 1)] == ["cpu", "cpu", "mps"]
    with pytest.raises(ConstantError, match="3 need as many processors, and this machine has 2"):
        of_process("auto", 3)
    with pytest.raises(ConstantError, match="2 need a GPU each, and this machine has no GPU"):
        of_process("cuda", 2)
    with pytest.raises(ConstantError, match="mps is one device, and each of 2 processes needs one"):
        of_process("mps", 2)
    monkeypatch.setattr(cuda, "gpus", lambda: Gpus(2))
    assert [of_process("auto", 2, 1), of_process("cuda", 2)] == ["cuda:1", "cuda:0"]
    with pytest.raises(ConstantError, match="3 need a GPU each, and this machine has 2 GPUs; --device cpu"):
        of_process("auto", 3)


def test_the_form_refuses_them(two_processors: None) -> None:
    """The look ahead names the constant, and so the form cannot start such a run."""
    found = preflight(TrainingConfig(data="demo", device="cpu", processes=3))
    assert "3 need as many processors" in found.problems["processes"]
    assert not found.ready


def test_processes_share_the_processors(two_processors: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each process takes its part of the processors; OMP_NUM_THREADS, which torchrun sets, is for each of them."""
    assert [thread_limit(processes).threads for processes in (1, 2, 3)] == [2, 1, 1]
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    assert thread_limit(2).threads == 1
