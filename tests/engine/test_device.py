"""The device that a run computes on: chosen before anything is written, with reasons for those that cannot be used."""

from __future__ import annotations

import os
import subprocess
import warnings
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest
import torch

from engine.config import TrainingConfig
from engine.control import Control
from engine.errors import ConstantError
from engine.hardware import cuda, device
from engine.hardware.cuda import Gpus
from engine.hardware.samples import OtherProcess
from engine.preflight import preflight
from engine.record.events import DeviceInfo, Notice
from engine.record.log import RunLog
from engine.runs.local import Run
from engine.training.trainer import train
from tests.images import made_up_images
from tests.made_up_nvml import IDENTITY, MadeUpNvml
from tests.quick import in_folder

OLD_DRIVER = (
    "CUDA initialization: The NVIDIA driver on your system is too old (found version 11040). Please update your GPU"
    " driver. Alternatively, go to: https://pytorch.org (Triggered internally at CUDAFunctions.cpp:119.)"
)
TOO_OLD = "The NVIDIA driver on your system is too old (found version 11040)"

FAILURES = [
    ("CUDA error: no kernel image is available for execution on the device\nSearch for `cuda", "no kernels for a GPU"),
    ("CUDA error: CUDA-capable device(s) is/are busy or unavailable\nCUDA kernel errors might", "another program"),
    ("CUDA error: out of memory\nCompile with `TORCH_USE_CUDA_DSA`", "memory is full; close other programs"),
    ("CUDA error: something new\nFor debugging consider", "CUDA error: something new"),
]


@pytest.fixture(autouse=True)
def _asked_anew() -> Iterator[None]:
    cuda.gpus.cache_clear()
    yield
    cuda.gpus.cache_clear()


@pytest.fixture
def old_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    def is_available() -> bool:
        warnings.warn(OLD_DRIVER, stacklevel=1)
        return False

    monkeypatch.setattr(torch.cuda, "is_available", is_available)


def broken(monkeypatch: pytest.MonkeyPatch, reason: str) -> None:
    """Let this machine have two GPUs, on which every computation fails for `reason`."""
    ones = torch.ones

    def fail(*size: int, device: Any = None) -> torch.Tensor:
        if torch.device(device or "cpu").type == "cuda":
            raise RuntimeError(reason)
        return ones(*size, device=device)

    monkeypatch.setattr(cuda, "gpus", lambda: Gpus(2))
    monkeypatch.setattr(torch, "ones", fail)


@pytest.mark.usefixtures("old_driver")
def test_an_old_driver(tmp_path: Path) -> None:
    """A driver that is too old is said: in the look ahead, by `auto`, and where CUDA was asked for."""
    look = preflight(TrainingConfig(data="demo", runs_dir=tmp_path))
    assert f"CUDA cannot be used: {TOO_OLD}" in next(check.lines for check in look.checks if check.subject == "device")
    told = list[str]()
    assert device.usable("auto", "float32", told.append).type != "cuda"
    assert [text.partition(". ")[0] for text in told] == [f"CUDA cannot be used: {TOO_OLD}"]
    with pytest.raises(ConstantError) as wrong:
        device.choose("cuda")
    assert wrong.value.message.splitlines()[1:] == [f"CUDA says: {TOO_OLD}."]


@pytest.mark.parametrize(("reason", "meaning"), FAILURES)
def test_a_gpu_that_cannot_compute(reason: str, meaning: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A GPU that was asked for and cannot be used is one or two lines, and no folder is left."""
    broken(monkeypatch, reason)
    run = Run(TrainingConfig(data="demo", device="cuda:1", runs_dir=tmp_path / "runs", data_dir=tmp_path)).start()
    assert run.join(60)
    assert isinstance(run.error, ConstantError)
    assert "cuda:1 cannot be used: " in run.error.problems["device"]
    assert meaning in run.error.problems["device"]
    assert len(run.error.message.splitlines()) <= 2
    assert not run.folder.exists()


def test_auto_takes_the_next_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """`auto` trains on the first device that works, and the record says why the others were left out."""
    broken(monkeypatch, FAILURES[1][0])
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    log = RunLog()
    config = TrainingConfig(epochs=1, evaluate_each_epoch=False, threads=1)
    train(config, made_up_images(64, 20), log, Control())
    notices = [event.text for event in log.events if isinstance(event, Notice)]
    assert [text.partition(" ")[0] for text in notices] == ["cuda:0", "cuda:1"]
    with pytest.raises(ConstantError, match="tf32 needs a CUDA GPU"):
        device.usable("auto", "tf32")


def test_gpus_are_counted_once_cuda_is_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    """The parts of a divided GPU count, which torch only sees once CUDA is initialized."""
    ready = list[bool]()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "init", lambda: ready.append(True))
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 7 if ready else 1)
    assert cuda.gpus().count == 7


@pytest.mark.parametrize("kind", ["GPU", "MIG"])
def test_free_memory(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The look ahead says how much memory of the GPU is free, and asks the driver's library by the GPU's own number."""

    def by_uuid(name: str) -> str:
        if name != f"{kind}-1-2-3":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return name

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1-2-3"))
    monkeypatch.setattr(pynvml, "nvmlInit", lambda: None)
    monkeypatch.setattr(pynvml, "nvmlDeviceGetHandleByUUID", by_uuid)
    monkeypatch.setattr(
        pynvml, "nvmlDeviceGetMemoryInfo", lambda handle: SimpleNamespace(free=20_400_000_000, total=85_000_000_000)
    )
    assert device.remarks(torch.device("cuda:0")) == ("20 GB of 85 GB free",)


def test_free_memory_without_the_drivers_library(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where the driver's library is missing, the look ahead leaves the line out."""

    def missing() -> None:
        raise pynvml.NVMLError(pynvml.NVML_ERROR_LIBRARY_NOT_FOUND)

    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid="1-2-3"))
    monkeypatch.setattr(pynvml, "nvmlInit", missing)
    assert device.remarks(torch.device("cuda:0")) == ()


@pytest.fixture
def two_gpus(monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, tuple[OtherProcess, ...]]]:
    """A machine with two GPUs, and by the name of each who computes on it."""
    used: dict[str, tuple[OtherProcess, ...]] = {}
    monkeypatch.setattr(cuda, "gpus", lambda: Gpus(2))
    monkeypatch.setattr(cuda, "others", lambda gpu, process: used.get(str(gpu), ()))
    monkeypatch.setattr(cuda, "free_memory", lambda gpu: None)
    monkeypatch.setattr(device, "describe", lambda gpu, sums=None: DeviceInfo("cuda", "NVIDIA H100", uuid="1-2-3"))
    yield used
    device._USED.clear()


OTHERS = tuple(OtherProcess(4_000_000 + i, "python", 20_100_000_000) for i in range(5))


def test_a_gpu_that_others_use(two_gpus: dict[str, tuple[OtherProcess, ...]], tmp_path: Path) -> None:
    """Before a start a person is warned of those who compute on the chosen GPU, and told which one is free."""

    def warned(name: str) -> str:
        checks = preflight(TrainingConfig(data="demo", device=name, runs_dir=tmp_path, data_dir=tmp_path)).checks
        (check,) = (check for check in checks if check.subject == "device")
        assert check.ready
        return check.warning

    assert warned("cuda:0") == ""
    two_gpus["cuda:0"] = OTHERS[:1]
    assert warned("auto") == "cuda:0 is in use by python (process 4000000, 20.1 GB); cuda:1 is free"
    assert warned("cuda:1") == ""
    two_gpus["cuda:1"] = OTHERS
    assert warned("cuda:0") == "cuda:0 is in use by python (process 4000000, 20.1 GB)"
    assert warned("cuda:1").endswith("and 2 more")
    assert warned("cpu") == ""


def test_this_program_is_not_somebody_else(
    two_gpus: dict[str, tuple[OtherProcess, ...]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither this process, once it has computed on a GPU, nor those that it started are others."""
    asked: list[int | None] = []

    def others(gpu: torch.device, process: int | None) -> tuple[OtherProcess, ...]:
        asked.append(process)
        return (OtherProcess(child.pid, "python", None),)

    monkeypatch.setattr(cuda, "others", others)
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            assert device.taken(torch.device("cuda:0")) == ""
            device._failure(torch.device("cuda:0"))
            device.taken(torch.device("cuda:0"))
        finally:
            child.kill()
    assert asked == [None, os.getpid()]


def test_who_uses_it_is_asked_of_the_driver(monkeypatch: pytest.MonkeyPatch) -> None:
    """The driver is asked by the GPU's own number; if it never answers, the start does not wait for it."""
    nvml = MadeUpNvml(monkeypatch)
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda device: SimpleNamespace(uuid=IDENTITY))
    nvml.processes = [(4_000_000, 20_100_000_000)]
    assert cuda.others(torch.device("cuda:0"), None) == (OtherProcess(4_000_000, "", 20_100_000_000),)
    monkeypatch.setattr(cuda, "PATIENCE", 0.01)
    nvml.silent = "DeviceGetComputeRunningProcesses"
    assert cuda.others(torch.device("cuda:0"), None) == ()
    nvml.ends.set()


def test_a_run_beside_others_notes_it(
    two_gpus: dict[str, tuple[OtherProcess, ...]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run without the form says who else used its GPU at the start: its speed is not what it could be."""
    monkeypatch.setattr(device, "taken", lambda chosen: "cuda:0 is in use by python (process 7)")
    monkeypatch.setattr(device, "describe", lambda *_: DeviceInfo("cpu", "a processor", 1))
    run = Run(in_folder(tmp_path, monkeypatch).replaced(epochs=1)).start()
    assert run.join(60)
    assert run.record().notices == ["cuda:0 is in use by python (process 7). The run may be slower than it could be."]
