"""How the numbers of a network and of its images lie in memory while it trains."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

import torch

from engine import models
from engine.config import TrainingConfig


def has_the_notebooks_bits(config: TrainingConfig, device: torch.device) -> bool:
    """Return whether the notebook's network trains as the notebook trains it, to the last bit.

    Every other training only promises the same result for the same seed, thread count and machine. So its layout and
    its optimizer may be those that round otherwise and are faster.
    """
    return config.model == models.NOTEBOOKS and config.precision == "float32" and device.type == "cpu"


def layout(config: TrainingConfig, device: torch.device) -> torch.memory_format:
    """Return the layout of images (n, c, h, w) and of the weights of convolutions.

    On an x86-64 processor the channels of a pixel lie side by side. oneDNN then convolves without reordering before and
    after, and torch normalizes twice and pools four times as fast: 64 instead of 85 ms an iteration of `deeper` with
    one thread of a Xeon, 105 instead of 126 with oneDNN's AVX2 kernels. On ARM this has not been measured: where oneDNN
    has no fast kernel for a layout, it takes one that is many times slower.

    On a CUDA GPU they do so in bfloat16 only: an H100 took 655 instead of 763 µs an iteration of `deeper` and 254
    instead of 280 of `cnn`, but in float32 926 instead of 838 and 293 instead of 247. In tf32 `deeper` gained 8 % and
    `cnn` lost 11.
    """
    if device.type == "cuda":
        return torch.channels_last if config.precision == "bfloat16" else torch.contiguous_format
    if device.type == "cpu" and not has_the_notebooks_bits(config, device) and _has_onednns_own_kernels():
        return torch.channels_last
    return torch.contiguous_format


def _has_onednns_own_kernels() -> bool:
    mkldnn, capability = torch.backends.mkldnn, torch.backends.cpu.get_cpu_capability()
    return mkldnn.is_available() and capability in ("AVX2", "AVX512")  # type: ignore[no-untyped-call]


def convolving(config: TrainingConfig, device: torch.device) -> AbstractContextManager[object]:
    """Let torch convolve without NNPACK, unless the bits must be the notebook's.

    torch has that library where it has no oneDNN: on Macs. There it takes about six times as long as torch's other way.
    """
    if has_the_notebooks_bits(config, device):
        return nullcontext()
    return torch.backends.nnpack.flags(enabled=False)
