"""How the C library allocates memory."""

from __future__ import annotations

import ctypes
import sys


def keep_freed_memory() -> None:
    """Let glibc keep the memory of freed tensors instead of returning it to the kernel. Does nothing elsewhere.

    Otherwise every training step takes page faults for all of its activations, a good part of its time. Called
    before the first other thread, it lets all threads take memory from the main thread's heap. glibc limits the heaps
    of other threads to 64 MB and asks the kernel for all that is larger: 22 % of the time of a speed run's step.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)  # absent with musl
    if mallopt is not None:
        # Numbers from glibc's malloc.h: M_MMAP_THRESHOLD is -3, M_TRIM_THRESHOLD -1, both in bytes; M_ARENA_MAX is -8.
        mallopt(-3, 1 << 30)
        mallopt(-1, 1 << 30)
        mallopt(-8, 1)
