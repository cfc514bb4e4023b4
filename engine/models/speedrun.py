"""Whitened patches and six convolutions in three groups, made to be trained in eight epochs (Jordan, 2024)."""

from __future__ import annotations

from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.kernels.normalization import Normalization
from engine.kernels.winograd import Convolution

_KERNEL = 2
"""Pixels along each side of a patch that the first layer sees."""
_FILTERS = 2 * 3 * _KERNEL**2
"""Every direction of a patch's colours, and its opposite."""
_SAMPLE = 5_000
"""Images that the first layer is made from."""
_SMALLEST_VARIANCE = 5e-4
"""Added to the variance of each direction: those that hardly occur are not blown up."""


class _Convolution(Convolution):
    """A 3×3 convolution that begins by passing its inputs on, as far as it has outputs for them."""

    def __init__(self, inputs: int, outputs: int, *, pool: bool = False) -> None:
        super().__init__(inputs, outputs, pool=pool)
        nn.init.dirac_(self.weight.data[:inputs])


class _Group(nn.Module):
    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1, self.norm1 = _Convolution(inputs, outputs, pool=True), _normalization(outputs)
        self.conv2, self.norm2 = _Convolution(outputs, outputs), _normalization(outputs)

    def forward(self, x: Tensor) -> Tensor:
        maps: Tensor = self.norm2(self.conv2(self.norm1(self.conv1(x))))
        return maps


def _normalization(channels: int) -> Normalization:
    # The next convolution has a scale. A momentum for runs of some hundred iterations.
    return Normalization(channels, activation="gelu", scale=False, momentum=0.4, eps=1e-12)


class Model(nn.Module):
    """2×2 patches whitened to 24 channels; three groups of two convolutions, 1, 4 and 4 times `width` wide; linear.

    The network of airbench94 (Jordan, 2024, arXiv 2404.00498).
    """

    trained_for: ClassVar = {"whiten.bias": 3 / 8}
    """Parameters that learn only in the first part of a run, and in which."""

    shift: Tensor

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, _FILTERS, _KERNEL)
        self.whiten.weight.requires_grad = False
        self.register_buffer("shift", torch.zeros(_FILTERS))
        self.groups = nn.Sequential(_Group(_FILTERS, width), _Group(width, 4 * width), _Group(4 * width, 4 * width))
        self.head = nn.Linear(4 * width, classes, bias=False)
        with torch.no_grad():
            self.head.weight.div_(self.head.weight.std())

    @property
    def named_rates(self) -> dict[str, float]:
        """The learning rates of biases and head where the filters have the optimizer muon: those of airbench94."""
        return {
            name: 0.67 if name == "head.weight" else 0.053
            for name, parameter in self.named_parameters()
            if parameter.ndim < 4
        }

    @torch.no_grad()
    def set_up(self, images: Tensor) -> None:
        """Make the first layer from training images (n, 3, 32, 32), float32 from -1 to 1. It does not learn.

        Its filters are the principal directions of the patches of standardized images, scaled so that the outputs have
        variance 1. `weight` and `shift` also standardize, so images need not be.
        """
        sample = images[:: max(1, len(images) // _SAMPLE)][:_SAMPLE].double()
        mean = sample.mean(dim=(0, 2, 3))
        deviation = sample.std(dim=(0, 2, 3)).clamp(min=1e-3)
        standardized = (sample - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)
        patches = functional.unfold(standardized, _KERNEL).transpose(1, 2).reshape(-1, _FILTERS // 2)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (directions / (variances + _SMALLEST_VARIANCE).sqrt()).T.reshape(-1, 3, _KERNEL, _KERNEL)
        filters = torch.cat([filters, -filters]) / deviation.view(3, 1, 1)
        self.whiten.weight.copy_(filters)
        self.shift.copy_(-(filters * mean.view(3, 1, 1)).sum(dim=(1, 2, 3)))

    def forward(self, images: Tensor) -> Tensor:
        assert self.whiten.bias is not None
        bias = self.whiten.bias + self.shift
        x = self.groups(functional.gelu(functional.conv2d(images, self.whiten.weight, bias)))
        logits: Tensor = self.head(functional.max_pool2d(x, 3).flatten(1)) / self.head.in_features
        return logits
