"""Where a run computes: the device a constant names, how many threads, and what the machine calls it."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import torch

from engine.errors import ConstantError
from engine.events import DeviceInfo
from engine.text import clean


def available() -> tuple[str, ...]:
    """The devices of this machine by the names that `--device` takes, the fastest first."""
    gpus = tuple(f"cuda:{i}" for i in range(torch.cuda.device_count())) if torch.cuda.is_available() else ()
    return (*gpus, *(("mps",) if torch.backends.mps.is_available() else ()), "cpu")


def choose(name: str, precision: str = "float32") -> torch.device:
    """The device that the constant `device` means here.

    Raises `ConstantError` where there is none of that name, or none that computes in `precision`.
    """
    devices = available()
    wanted = devices[0] if name == "auto" else "cuda:0" if name == "cuda" and "cuda:0" in devices else name
    if wanted not in devices:
        raise ConstantError({"device": f"there is no {name} on this machine; there is {' and '.join(devices)}"})
    if precision == "tf32" and not wanted.startswith("cuda"):
        raise ConstantError({"precision": f"tf32 needs a CUDA GPU, and this run would use {wanted}; take float32"})
    return torch.device(wanted)


@contextmanager
def multiplying_in(precision: str) -> Iterator[None]:
    """Let CUDA multiply matrices in tf32 where that is the `precision`, and as before afterwards."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def describe(device: torch.device) -> DeviceInfo:
    """What the record says about `device`; the threads are those that torch computes with now."""
    if device.type == "cuda":
        return DeviceInfo("cuda", clean(torch.cuda.get_device_name(device)))
    if device.type == "mps":
        return DeviceInfo("mps", clean(_processor_name()))
    return DeviceInfo("cpu", clean(_processor_name()), torch.get_num_threads())


def free_memory(device: torch.device) -> tuple[str, ...]:
    """How much memory of a CUDA device is free, as a line for people; nothing where the system does not tell."""
    if device.type != "cuda":
        return ()
    free, total = torch.cuda.mem_get_info(device)
    return (f"{free / 1e9:.0f} GB of {total / 1e9:.0f} GB free",)


def _processor_name() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def most_threads() -> int:
    """Upper bound of the thread count: the processors this process may use, and `OMP_NUM_THREADS` where it is set."""
    # macOS has no affinities
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(processors, int(limit)) if limit.isdecimal() and int(limit) > 0 else processors


def keep_freed_memory() -> None:
    """Let glibc keep what tensors free instead of returning it to the kernel after every step.

    Otherwise every step faults its activations in anew, which costs a good part of the step. Does nothing elsewhere.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent with musl
    if mallopt is not None:
        # Numbers from glibc's malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD is -1; values are bytes.
        mallopt(-3, 1 << 30)
        mallopt(-1, 1 << 30)
