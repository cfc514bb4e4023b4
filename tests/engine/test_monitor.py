"""The machine beside a run: its figures, what is left out where a driver is old or missing, and what never answers."""

from __future__ import annotations

import os
import shutil
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psutil
import pynvml
import pytest

from engine.hardware import monitor as monitors
from engine.hardware import nvml
from engine.hardware.control_groups import memory_limit
from engine.hardware.monitor import Monitor, Trainer
from engine.hardware.nvml import Gpu
from engine.hardware.samples import GpuSample, OtherProcess, Reading
from engine.record.events import DeviceInfo
from engine.runs.machine import machine_of
from engine.storage import lock
from tests.engine.test_processors import made_up
from tests.made_up_nvml import FIGURES, IDENTITY, MadeUpNvml

WHOLE = GpuSample(97.0, (2_100_000_000, 80_000_000_000), 412.3, 700.0, 71, 1_755)
SELDOM = 0.01
"""Seconds between two samples."""


@pytest.fixture
def made_up_nvml(monkeypatch: pytest.MonkeyPatch) -> Iterator[MadeUpNvml]:
    found = MadeUpNvml(monkeypatch)
    yield found
    found.ends.set()


def until(reading: Callable[[], Reading], holds: Callable[[Reading], object]) -> Reading:
    """Wait until a reading is as it should be."""
    give_up = time.monotonic() + 60
    while not holds(found := reading()):
        assert time.monotonic() < give_up, found
        time.sleep(0.005)
    return found


def test_figures_of_a_gpu(made_up_nvml: MadeUpNvml) -> None:
    """Utilisation, memory, power against its limit, temperature and clock are told; an idle clock is no reason."""
    made_up_nvml.reasons = 1
    assert Gpu(IDENTITY).sample(os.getpid()) == WHOLE


@pytest.mark.parametrize("function", FIGURES)
def test_a_figure_that_fails_costs_itself(function: str, made_up_nvml: MadeUpNvml) -> None:
    """Whatever call fails, only its own figure is left out, and it is not asked for again."""
    made_up_nvml.failing[function] = pynvml.NVML_ERROR_NOT_SUPPORTED
    gpu = Gpu(IDENTITY)
    missing: dict[str, Any] = {FIGURES[function]: None}
    for _ in range(3):
        assert gpu.sample() == replace(WHOLE, **missing)
    assert made_up_nvml.asked[function] == 1


@pytest.mark.parametrize(
    ("bits", "words"),
    [
        (0x00, ()),
        (0x04, ("power limit",)),
        (0x20, ("heat",)),
        (0x48, ("heat",)),
        (0x88, ("power supply",)),
        (0x08, ("hardware",)),
        (0x02 | 0x04, ("clock setting", "power limit")),
    ],
)
@pytest.mark.parametrize("driver", ["new", "old", "neither"])
def test_why_it_is_slowed(bits: int, words: tuple[str, ...], driver: str, made_up_nvml: MadeUpNvml) -> None:
    """The reasons stand there in words, with a driver that knows them by their former name too."""
    made_up_nvml.reasons = bits
    if driver != "new":
        made_up_nvml.failing["DeviceGetCurrentClocksEventReasons"] = pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    if driver == "neither":
        made_up_nvml.failing["DeviceGetCurrentClocksThrottleReasons"] = pynvml.NVML_ERROR_FUNCTION_NOT_FOUND
    assert Gpu(IDENTITY).sample().slowed_by == (() if driver == "neither" else words)


def test_part_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    """Under MIG, power and temperature are the whole board's and said to be; its energy is not this run's."""
    found = MadeUpNvml(monkeypatch, kind="MIG")
    found.failing["DeviceGetUtilizationRates"] = pynvml.NVML_ERROR_NOT_SUPPORTED
    gpu = Gpu(IDENTITY)
    assert gpu.sample() == replace(WHOLE, busy=None, is_part=True)
    assert gpu.joules() is None
    found.failing["DeviceGetDeviceHandleFromMigDeviceHandle"] = pynvml.NVML_ERROR_NOT_SUPPORTED
    assert Gpu(IDENTITY).sample().celsius == 71


def test_who_else_computes_on_it(made_up_nvml: MadeUpNvml) -> None:
    """Other processes are told with name, number and memory, and this run is not one of them."""
    made_up_nvml.processes = [(os.getpid(), 600_000_000), (os.getppid(), 20_100_000_000), (2**22 + 1, None)]
    parent = psutil.Process(os.getppid()).name()[:20]
    others = Gpu(IDENTITY).sample(os.getpid()).others
    assert others == (OtherProcess(os.getppid(), parent, 20_100_000_000), OtherProcess(2**22 + 1, "", None))
    assert [other.told for other in others] == [
        f"{parent} (process {os.getppid()}, 20.1 GB)",
        f"a process (process {2**22 + 1})",
    ]


def test_processes_of_another_numbering(made_up_nvml: MadeUpNvml) -> None:
    """In a container whose processes the driver numbers otherwise, one of them is the run, and no name is guessed."""
    gpu = Gpu(IDENTITY)
    made_up_nvml.processes = [(2**22 + 1, 600_000_000)]
    assert gpu.sample(os.getpid()).others == ()
    made_up_nvml.processes.append((os.getppid(), 100))
    assert gpu.sample(os.getpid()).others == (OtherProcess(os.getppid(), "", 100),)
    made_up_nvml.processes = []
    assert gpu.sample(os.getpid()).others == ()


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (pynvml.NVML_ERROR_LIBRARY_NOT_FOUND, "its driver's library is not installed"),
        (pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH, "its driver was updated; the machine must be restarted"),
        (pynvml.NVML_ERROR_NO_PERMISSION, "Insufficient Permissions"),
    ],
)
def test_without_a_driver(code: int, words: str, made_up_nvml: MadeUpNvml, tmp_path: Path) -> None:
    """A driver that is missing or broken costs the figures of the GPU, with the reason; the machine's stay."""
    made_up_nvml.failing["Init"] = code
    monitor = Monitor(tmp_path, IDENTITY, lambda: Trainer(os.getpid()), every=SELDOM).start()
    found = until(monitor.reading, lambda reading: reading.gpu_problem and len(reading.computer) > 2)
    monitor.close()
    assert (found.gpu, found.gpu_problem) == ((), words)
    assert made_up_nvml.asked["Init"] == 1


def test_a_gpu_of_another_machine(made_up_nvml: MadeUpNvml, tmp_path: Path) -> None:
    """A GPU that is not on this machine is said not to be."""
    made_up_nvml.kind = "other"
    monitor = Monitor(tmp_path, IDENTITY, lambda: None, every=SELDOM).start()
    assert until(monitor.reading, lambda reading: reading.gpu_problem).gpu_problem == "it is not on this machine"
    monitor.close()


@pytest.mark.parametrize("function", ["Init", "DeviceGetPowerUsage"])
def test_a_driver_that_never_answers(function: str, made_up_nvml: MadeUpNvml, tmp_path: Path) -> None:
    """If the driver hangs, the panel is told so, processors and disk go on, and nobody waits for it."""
    now = [0.0]
    made_up_nvml.silent = function
    trainer = Trainer(os.getpid())
    monitor = Monitor(tmp_path, IDENTITY, lambda: trainer, every=SELDOM, clock=lambda: now[0]).start()
    until(monitor.reading, lambda reading: made_up_nvml.asked[function] and len(reading.computer) > 2)
    assert monitor.reading().silent == ()
    now[0] = monitors.SILENT_AFTER
    found = until(monitor.reading, lambda reading: reading.silent == ("the GPU's driver",))
    later = until(monitor.reading, lambda reading: len(reading.computer) > len(found.computer))
    assert later.gpu == ()
    monitor.close()
    hanging = [thread for thread in threading.enumerate() if thread.name == "machine: GPU"]
    assert hanging
    assert all(thread.daemon for thread in hanging)


def test_a_disk_that_never_answers(made_up_nvml: MadeUpNvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that hangs is told, and the other figures go on."""
    now, ends = [0.0], threading.Event()
    monkeypatch.setattr(shutil, "disk_usage", lambda folder: ends.wait())
    monitor = Monitor(tmp_path, IDENTITY, lambda: Trainer(os.getpid()), every=SELDOM, clock=lambda: now[0]).start()
    until(monitor.reading, lambda reading: len(reading.gpu) > 1 and len(reading.computer) > 1)
    now[0] = 60.0
    until(monitor.reading, lambda reading: reading.silent == ("the disk",))
    monitor.close()
    ends.set()


def test_processors_memory_and_disk(tmp_path: Path) -> None:
    """On a machine without a GPU there are processors, memory and disk, and no driver is asked."""
    monitor = Monitor(tmp_path, None, lambda: Trainer(os.getpid()), every=SELDOM).start()
    found = until(monitor.reading, lambda reading: len(reading.computer) > 2 and reading.disk)
    monitor.close()
    first, *_, last = found.computer
    assert (first.busy, first.run) == (None, None)
    assert last.busy is not None
    assert 0 <= last.busy <= 100
    assert last.run is not None
    assert last.memory is not None
    assert 0 < last.memory[0] < last.memory[1]
    assert found.disk[-1] > 0
    assert (found.has_gpu, found.gpu_problem, found.elsewhere) == (False, "", "")


def test_a_kernel_that_tells_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where /proc is closed, what it would have told is left out, and asked for once."""
    asked: list[str] = []

    def refuse(*_: Any, **__: Any) -> Any:
        asked.append("")
        raise PermissionError(13, "Permission denied", "/proc/stat")

    for name in ("cpu_percent", "virtual_memory", "Process"):
        monkeypatch.setattr(psutil, name, refuse)
    monkeypatch.setattr(monitors, "memory_limit", lambda: None)
    monitor = Monitor(tmp_path, None, lambda: Trainer(os.getpid()), every=SELDOM).start()
    found = until(monitor.reading, lambda reading: len(reading.computer) > 2)
    monitor.close()
    assert {sample.memory for sample in found.computer} == {None}
    assert {(sample.busy, sample.run) for sample in found.computer} == {(None, None)}
    assert len(asked) == 3


def test_history_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """However long a run is watched, only the last minutes are kept."""
    monkeypatch.setattr(monitors, "KEPT", 4)
    monitor = Monitor(tmp_path, None, lambda: Trainer(os.getpid()), every=0.001).start()
    newest = until(monitor.reading, lambda reading: len(reading.disk) == 4).disk
    until(monitor.reading, lambda reading: reading.disk is not newest)
    assert len(monitor.reading().disk) == 4
    monitor.close()


MEMORY = {
    "memory.limit_in_bytes": "1000",
    "memory.usage_in_bytes": "700",
    "memory.stat": "cache 9\ntotal_inactive_file 100",
}


@pytest.mark.parametrize(
    ("groups", "files", "found"),
    [
        pytest.param(
            "0::/\n",
            {"memory.max": "2000\n", "memory.current": "900\n", "memory.stat": "anon 1\ninactive_file 300\n"},
            (600, 2000),
            id="version 2",
        ),
        pytest.param("0::/\n", {"memory.max": "max\n", "memory.current": "900\n"}, None, id="no limit"),
        pytest.param("0::/\n", {}, None, id="no files"),
        pytest.param("0::/\n", {"memory.max": "2000", "memory.current": "9", "memory.stat": "x"}, (9, 2000), id="odd"),
        pytest.param(
            "4:memory:/docker/12\n0::/\n",
            {f"memory/{name}": content for name, content in MEMORY.items()},
            (600, 1000),
            id="version 1, with the machine's name for the group",
        ),
        pytest.param(
            "4:memory:/\n",
            {"memory/memory.limit_in_bytes": "9223372036854771712", "memory/memory.usage_in_bytes": "5"},
            None,
            id="version 1 without a limit",
        ),
        pytest.param(
            "0::/user/run\n",
            {
                "user/run/memory.max": "900",
                "user/run/memory.current": "1",
                "user/memory.max": "500",
                "user/memory.current": "2",
            },
            (2, 500),
            id="the smallest of all groups above",
        ),
    ],
)
def test_memory_of_a_container(
    groups: str, files: dict[str, str], found: tuple[int, int] | None, tmp_path: Path
) -> None:
    """Memory is measured against the container's limit, without what the kernel only keeps in its cache."""
    assert memory_limit(*made_up(tmp_path, groups, files)) == found


def test_the_containers_limit_counts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In a container with a limit, that is what memory is compared with, not the machine's."""
    monkeypatch.setattr(monitors, "memory_limit", lambda: (600, 1000))
    monitor = Monitor(tmp_path, None, lambda: Trainer(os.getpid()), every=SELDOM).start()
    found = until(monitor.reading, lambda reading: reading.computer).computer[-1]
    monitor.close()
    assert (found.memory, found.contained) == ((600, 1000), True)


def test_a_run_of_another_machine(made_up_nvml: MadeUpNvml, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Figures of this machine are not shown for a run that trains on another; the disk is the same."""
    with lock.take(tmp_path):
        device = DeviceInfo("cuda", "NVIDIA H100", uuid=IDENTITY)
        here = machine_of(tmp_path, device).start()
        assert until(here.reading, lambda reading: reading.gpu and reading.computer).elsewhere == ""
        here.close()
        monkeypatch.setattr("socket.gethostname", lambda: "laptop")
        there = machine_of(tmp_path, device).start()
        found = until(there.reading, lambda reading: reading.elsewhere and reading.disk)
        there.close()
    assert (found.gpu, found.computer) == ((), ())


def test_waiting_for_an_answer_is_bounded() -> None:
    """A question to the driver that fails or never returns is no answer, and whoever asked goes on."""
    ends = threading.Event()
    assert nvml.answered(ends.wait, 0.01) is None
    ends.set()
    assert nvml.answered(lambda: 1 // 0, 60) is None
    assert nvml.answered(lambda: 7, 60) == 7
