"""A GPU that is not there: pynvml with the figures, the failures and the silence of a test."""

from __future__ import annotations

import threading
from collections import Counter
from types import SimpleNamespace
from typing import Any

import pynvml
import pytest

IDENTITY = "1-2-3"


class MadeUpNvml:
    """An H100 at work. `failing` are functions without the prefix `nvml`, which raise; `silent` one never returns."""

    def __init__(self, patch: pytest.MonkeyPatch, *, kind: str = "GPU") -> None:
        """`kind` is `MIG` for a part of a divided GPU."""
        self.failing: dict[str, int] = {}
        self.silent = ""
        self.ends = threading.Event()
        """Set at the end of a test: what was silent returns."""
        self.asked: Counter[str] = Counter()
        self.reasons = 0
        self.processes: list[tuple[int, int | None]] = []
        self.millijoules = 5_000_000
        self.kind = kind
        values: dict[str, Any] = {
            "Init": lambda: None,
            "DeviceGetHandleByUUID": self._by_uuid,
            "DeviceGetDeviceHandleFromMigDeviceHandle": lambda handle: "board",
            "DeviceGetUtilizationRates": lambda handle: SimpleNamespace(gpu=97),
            "DeviceGetMemoryInfo": lambda handle: SimpleNamespace(free=77_900_000_000, total=80_000_000_000),
            "DeviceGetPowerUsage": lambda handle: 412_300,
            "DeviceGetEnforcedPowerLimit": lambda handle: 700_000,
            "DeviceGetTemperature": lambda handle, sensor: 71,
            "DeviceGetClockInfo": lambda handle, clock: 1_755,
            "DeviceGetCurrentClocksEventReasons": lambda handle: self.reasons,
            "DeviceGetCurrentClocksThrottleReasons": lambda handle: self.reasons,
            "DeviceGetTotalEnergyConsumption": lambda handle: self.millijoules,
            "DeviceGetComputeRunningProcesses": lambda handle: [
                SimpleNamespace(pid=pid, usedGpuMemory=memory) for pid, memory in self.processes
            ],
        }
        for name, value in values.items():
            patch.setattr(pynvml, f"nvml{name}", self._function(name, value))

    def _function(self, name: str, value: Any) -> Any:
        def call(*arguments: object) -> object:
            self.asked[name] += 1
            if name == self.silent:
                self.ends.wait()
            if name in self.failing:
                raise pynvml.NVMLError(self.failing[name])
            return value(*arguments)

        return call

    def _by_uuid(self, name: str) -> str:
        if name != f"{self.kind}-{IDENTITY}":
            raise pynvml.NVMLError(pynvml.NVML_ERROR_NOT_FOUND)
        return self.kind


FIGURES = {
    "DeviceGetUtilizationRates": "busy",
    "DeviceGetMemoryInfo": "memory",
    "DeviceGetPowerUsage": "watts",
    "DeviceGetEnforcedPowerLimit": "most_watts",
    "DeviceGetTemperature": "celsius",
    "DeviceGetClockInfo": "megahertz",
}
"""The figure that each function tells."""
