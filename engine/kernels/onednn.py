"""oneDNN's memory layout for convolutions, kept from one layer to the next.

On a processor torch calls oneDNN for every convolution. oneDNN reorders the images into blocks of 8 or 16 channels, and
back after each layer. A tensor that stays in blocks saves both. oneDNN also pools it, ten times faster than torch pools
the usual layout. The convolutions are the same, so the results are the same bit for bit.
"""

from __future__ import annotations

import os

import torch
from torch import Tensor

from engine.kernels.compiled import is_left_to_torch


def blocked(images: Tensor) -> Tensor:
    """Return `images` (n, c, h, w) in oneDNN's layout if that is faster, otherwise unchanged.

    Convolutions, pooling and ReLU take either. `to_dense()` turns either into the usual layout.
    """
    return images.to_mkldnn() if _blocks_are_faster(images) else images


def _blocks_are_faster(images: Tensor) -> bool:
    return (
        not is_left_to_torch()
        and images.device.type == "cpu"
        and images.dtype == torch.float32
        and len(images) > 1  # torch convolves a single image itself, and rounds differently
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        # On other processors, such as ARM, oneDNN computes in the usual layout.
        and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    )


def takes_avx2_kernels() -> bool:
    """Return whether oneDNN takes its AVX2 kernels in this process, as far as the processor and the environment tell.

    oneDNN reads `ONEDNN_MAX_CPU_ISA` once, at its first use (older releases: `DNNL_MAX_CPU_ISA`).
    """
    allowed = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "")).upper()
    if allowed in ("SSE41", "AVX") or not torch.cpu._is_avx2_supported():  # an old processor, or ARM
        return False
    return allowed.startswith("AVX2") or not torch.cpu._is_avx512_supported()
