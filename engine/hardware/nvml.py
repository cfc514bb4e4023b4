"""What the library of NVIDIA's driver (NVML) tells of a GPU.

Nothing here makes a context, which would keep half a gigabyte of the GPU. A call may fail where the driver is old, the
GPU is divided (MIG) or lost: that figure is left out from then on, and the others are still asked for. A call may also
never return, so callers ask in a thread that nothing waits for, or with `answered`.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

from engine.hardware.samples import GpuSample, OtherProcess
from engine.text import clean

Result = TypeVar("Result")

_SLOWED_BY = (
    (0x02, "clock setting"),
    (0x04, "power limit"),
    (0x10, "another GPU"),
    (0x20 | 0x40, "heat"),
    (0x80, "power supply"),
)
"""Bits of `nvmlClocksEventReasons` (nvml.h) and what they mean. Bit 1, idle, slows nothing down."""

_BY_HARDWARE = 0x08
"""Set beside heat or the power supply, or alone."""


def answered(ask: Callable[[], Result], within: float) -> Result | None:
    """Return what `ask` returns, or None if it fails or has not answered after `within` seconds."""
    found: list[Result] = []

    def call() -> None:
        with suppress(Exception):  # a driver that fails costs figures and nothing else
            found.append(ask())

    # A daemon thread: a driver that never answers must not keep the process alive.
    thread = threading.Thread(target=call, name="nvml", daemon=True)
    thread.start()
    thread.join(within)
    return found[0] if found else None


class Asking:
    """Asks for figures. One that failed is not asked for again."""

    def __init__(self) -> None:
        self._failed: set[str] = set()

    def __call__(self, figure: str, ask: Callable[[], Result]) -> Result | None:
        if figure in self._failed:
            return None
        try:
            return ask()
        except Exception:  # noqa: BLE001 - whatever a driver or a kernel says, it costs this figure alone
            self._failed.add(figure)
            return None


class Gpu:
    """A GPU by its identity. Not thread-safe."""

    def __init__(self, identity: str) -> None:
        """`identity` is torch's `uuid` of the device: numbers change with `CUDA_VISIBLE_DEVICES`, this does not.

        Raises `pynvml.NVMLError` if there is no driver, or no such GPU on this machine.
        """
        import pynvml

        pynvml.nvmlInit()
        self._nvml: Any = pynvml
        self._asking = Asking()
        try:
            self._handle = self._board = pynvml.nvmlDeviceGetHandleByUUID(f"GPU-{identity}")
            self.is_part = False
        except pynvml.NVMLError_NotFound:
            self._handle = self._board = pynvml.nvmlDeviceGetHandleByUUID(f"MIG-{identity}")
            self.is_part = True
            whole = self._asking("board", lambda: pynvml.nvmlDeviceGetDeviceHandleFromMigDeviceHandle(self._handle))
            self._board = whole if whole is not None else self._handle

    def sample(self, process: int | None = None) -> GpuSample:
        """Return all figures. `process` trains the run: if it is known, the others on the GPU are told."""
        nvml, asking, board = self._nvml, self._asking, self._board
        return GpuSample(
            busy=asking("busy", lambda: float(nvml.nvmlDeviceGetUtilizationRates(self._handle).gpu)),
            memory=self.memory(),
            watts=asking("power", lambda: nvml.nvmlDeviceGetPowerUsage(board) / 1000),
            most_watts=asking("limit", lambda: nvml.nvmlDeviceGetEnforcedPowerLimit(board) / 1000),
            celsius=asking("heat", lambda: int(nvml.nvmlDeviceGetTemperature(board, nvml.NVML_TEMPERATURE_GPU))),
            megahertz=asking("clock", lambda: int(nvml.nvmlDeviceGetClockInfo(board, nvml.NVML_CLOCK_SM))),
            slowed_by=self._slowed_by(),
            others=self.others(process) if process is not None else (),
            is_part=self.is_part,
        )

    def memory(self) -> tuple[int, int] | None:
        """Return the used and all bytes of its memory."""

        def ask() -> tuple[int, int]:
            found = self._nvml.nvmlDeviceGetMemoryInfo(self._handle)
            return int(found.total) - int(found.free), int(found.total)

        return self._asking("memory", ask)

    def joules(self) -> float | None:
        """Return the energy that the board has used since its driver was loaded.

        None under MIG, where it is used by others too, and where the board does not count (before Volta).
        """
        if self.is_part:
            return None
        return self._asking("energy", lambda: self._nvml.nvmlDeviceGetTotalEnergyConsumption(self._handle) / 1000)

    def others(self, process: int | None = None) -> tuple[OtherProcess, ...]:
        """Return the processes that compute on it, without `process`.

        In a container the driver may number them as the machine does. Then `process` is not among them, and one of them
        is left out for it: the one with the most memory, which is as good a guess as any, and none has a name.
        """
        found = self._asking("processes", lambda: self._nvml.nvmlDeviceGetComputeRunningProcesses(self._handle)) or ()
        every = [(int(each.pid), each.usedGpuMemory) for each in found]
        if process is None:
            return tuple(OtherProcess(pid, _name(pid), memory) for pid, memory in every)
        if any(pid == process for pid, _ in every):
            return tuple(OtherProcess(pid, _name(pid), memory) for pid, memory in every if pid != process)
        every.sort(key=lambda each: each[1] or 0)
        return tuple(OtherProcess(pid, "", memory) for pid, memory in every[:-1])

    def _slowed_by(self) -> tuple[str, ...]:
        nvml, board = self._nvml, self._board
        bits = self._asking("reasons", lambda: nvml.nvmlDeviceGetCurrentClocksEventReasons(board))
        if bits is None:  # drivers before 535 know them by another name
            bits = self._asking("former reasons", lambda: nvml.nvmlDeviceGetCurrentClocksThrottleReasons(board)) or 0
        reasons = [words for mask, words in _SLOWED_BY if int(bits) & mask]
        return tuple(reasons or (["hardware"] if int(bits) & _BY_HARDWARE else []))


def _name(pid: int) -> str:
    """Return what a process of this machine is called; empty if it has ended or is not to be seen from here."""
    import psutil

    try:
        return clean(psutil.Process(pid).name())[:20]
    except psutil.Error:
        return ""


def problem(error: Exception) -> str:
    """Return in words why there are no figures of a GPU."""
    try:
        import pynvml
    except ImportError:
        return "nvidia-ml-py is not installed"
    meanings = {
        pynvml.NVML_ERROR_LIBRARY_NOT_FOUND: "its driver's library is not installed",
        pynvml.NVML_ERROR_DRIVER_NOT_LOADED: "its driver is not loaded",
        pynvml.NVML_ERROR_LIB_RM_VERSION_MISMATCH: "its driver was updated; the machine must be restarted",
        pynvml.NVML_ERROR_NOT_FOUND: "it is not on this machine",
        pynvml.NVML_ERROR_GPU_IS_LOST: "it has fallen off the bus",
    }
    return meanings.get(getattr(error, "value", None), clean(str(error))[:80])
