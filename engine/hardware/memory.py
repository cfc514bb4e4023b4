"""How the C library allocates memory."""

from __future__ import annotations

import ctypes
import sys


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors instead of returning it to the kernel. Does nothing elsewhere.

    Otherwise every training step takes page faults for all of its activations, a good part of its time.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent with musl
    if mallopt is not None:
        # Numbers from glibc's malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD is -1. The values are bytes.
        mallopt(-3, 1 << 30)
        mallopt(-1, 1 << 30)
