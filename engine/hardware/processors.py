"""The processors of this machine."""

from __future__ import annotations

import os
import platform
from pathlib import Path


def processor_name() -> str:
    """Return the processor's name as the system has it, such as `AMD EPYC 7763`."""
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text(errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def most_threads() -> int:
    """Return the largest thread count: the processors this process may use, limited by `OMP_NUM_THREADS` if set."""
    # macOS has no processor affinity.
    processors = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    limit = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    return min(processors, int(limit)) if limit.isdecimal() and int(limit) > 0 else processors
