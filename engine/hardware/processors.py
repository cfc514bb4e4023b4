"""The processors of this machine, and how many of them this process may use."""

from __future__ import annotations

import ctypes
import math
import os
import platform
import sys
from dataclasses import dataclass
from pathlib import Path

from engine.hardware.control_groups import CGROUPS, OWN_CGROUPS, groups
from engine.text import counted

_KERNELS_WITH_BFLOAT16 = ("AVX512_CORE_BF16", "AVX512_CORE_FP16", "AVX512_CORE_AMX", "AVX10", "ALL", "DEFAULT")
"""What `ONEDNN_MAX_CPU_ISA` begins with if it lets oneDNN use such instructions."""


def processor_name() -> str:
    """Return the processor's name as the system has it, such as `AMD EPYC 7763`."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def has_native_bfloat16() -> bool | None:
    """Return whether oneDNN multiplies bfloat16 numbers by instructions of this processor; None if it is not known.

    Linux lists them for x86-64 processors. Without them oneDNN takes many times as long as with float32.
    """
    flags = set(_cpuinfo("flags").split())
    if not flags:
        return None
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper() or "ALL"
    return allowed.startswith(_KERNELS_WITH_BFLOAT16) and not flags.isdisjoint({"avx512_bf16", "amx_bf16"})


def _cpuinfo(field: str) -> str:
    """Return what the first processor has for `field` in Linux's list of processors; nothing elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            name, _, value = line.partition(":")
            if name.strip() == field:
                return value.strip()
    return ""


@dataclass(frozen=True)
class ThreadLimit:
    """The largest thread count, and what sets it."""

    threads: int
    reason: str = ""
    """For a person, such as `this container has 0.25 of a processor`. Empty if it is the number of processors."""


def processor_limit() -> ThreadLimit:
    """Return how many processors this process may use: those there are, its affinity, a container's quota."""
    processors = os.cpu_count() or 1
    # macOS has no processor affinity.
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else processors
    fewer = f"this process may use {allowed} of {counted(processors, 'processor')}" if allowed < processors else ""
    limits = [ThreadLimit(allowed, fewer)]
    if quota := processor_quota():
        share = f"{quota:.2g} of a processor" if quota < 1 else f"the time of {quota:.3g} processors"
        limits.append(ThreadLimit(max(1, math.ceil(quota)), f"this container has {share}"))
    return min(limits, key=lambda limit: limit.threads)


def thread_limit(processes: int = 1) -> ThreadLimit:
    """Return the smallest of the limits there are: `processor_limit`, which so many `processes` share, and
    `OMP_NUM_THREADS`, which is for each of them."""
    limits = [processor_limit()]
    if processes > 1:
        share = max(1, limits[0].threads // processes)
        limits.append(ThreadLimit(share, f"{processes} processes share the processors"))
    wanted = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if wanted.isdecimal() and int(wanted) > 0:
        limits.append(ThreadLimit(int(wanted), f"OMP_NUM_THREADS is {int(wanted)}"))
    return min(limits, key=lambda limit: limit.threads)


def most_threads(processes: int = 1) -> int:
    """Return the largest thread count of each of so many processes, see `thread_limit`."""
    return thread_limit(processes).threads


def processor_quota(cgroups: Path = CGROUPS, own: Path = OWN_CGROUPS) -> float | None:
    """Return the processor time that a container may use, in processors, such as 0.25; None if it is not limited.

    `cgroups` is where Linux shows control groups, `own` names those of this process. Each group limits those below it.
    """
    quotas = [quota for folder in groups("cpu", cgroups, own) if (quota := _quota(folder)) is not None]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
    """Return the quota of one group: `cpu.max` has quota and period (version 2), two files have them in version 1."""
    for names in (["cpu.max"], ["cpu.cfs_quota_us", "cpu.cfs_period_us"]):
        try:
            quota, period = (int(number) for name in names for number in (folder / name).read_text().split())
        except (OSError, ValueError):  # no such file, or "max"
            continue
        if quota > 0 and period > 0:
            return quota / period
    return None


def fast_processors() -> int | None:
    """Return how many of the processors are fast ones, on a Mac that has slower ones beside them; None elsewhere."""
    if sys.platform != "darwin":
        return None
    count, size = ctypes.c_int32(), ctypes.c_size_t(4)
    found = ctypes.CDLL(None).sysctlbyname(
        b"hw.perflevel0.physicalcpu", ctypes.byref(count), ctypes.byref(size), None, ctypes.c_size_t(0)
    )
    return count.value if found == 0 and count.value > 0 else None
