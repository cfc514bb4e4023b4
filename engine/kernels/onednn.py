"""The memory layout in which oneDNN convolves, kept from one layer to the next.

On a processor torch hands every convolution to oneDNN, which reorders the images into blocks of 8 or 16 channels, and
back after each layer. A tensor that stays in blocks saves both, and lets oneDNN pool it too, ten times faster than
torch pools the usual layout. The convolutions are the same ones, so the numbers are the same, bit for bit.
"""

from __future__ import annotations

import torch
from torch import Tensor


def blocked(images: Tensor) -> Tensor:
    """`images` (n, c, h, w) in oneDNN's own layout where that is faster, else as they are.

    Convolutions, pooling and ReLU take the result like any other tensor; `to_dense()` leads back, from both.
    """
    return images.to_mkldnn() if _blocks_are_faster(images) else images


def _blocks_are_faster(images: Tensor) -> bool:
    return (
        images.device.type == "cpu"
        and images.dtype == torch.float32
        and len(images) > 1  # torch convolves a single image itself, and rounds otherwise
        and not torch.is_autocast_enabled("cpu")
        and torch.backends.mkldnn.is_available()  # type: ignore[no-untyped-call]
        # Elsewhere, on ARM for one, oneDNN computes in the usual layout.
        and torch.backends.cpu.get_cpu_capability() in ("AVX2", "AVX512")
    )
