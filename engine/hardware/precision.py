"""The precision that a run computes in."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext

import torch


@contextmanager
def matrix_products_in(precision: str) -> Iterator[None]:
    """Let CUDA multiply matrices in tf32 if `precision` is tf32. Restores the earlier setting."""
    before = torch.get_float32_matmul_precision()
    torch.set_float32_matmul_precision("high" if precision == "tf32" else before)
    try:
        yield
    finally:
        torch.set_float32_matmul_precision(before)


def autocast(precision: str, device: torch.device) -> AbstractContextManager[object]:
    """torch's autocast to bfloat16 if `precision` is bfloat16; no change otherwise."""
    if precision == "bfloat16":
        # A recorded step changes the weights without invalidating autocast's cache of them.
        return torch.autocast(device.type, torch.bfloat16, cache_enabled=False)
    return nullcontext()
