"""How the C library hands out memory."""

from __future__ import annotations

import ctypes
import sys


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
