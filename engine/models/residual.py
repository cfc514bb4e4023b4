"""A small residual network: eight convolutions with shortcuts, like ResNet (He and others, 2015)."""

from __future__ import annotations

from torch import Tensor, nn

from engine.kernels.normalization import Normalization
from engine.kernels.winograd import Convolution


def _convolution(inputs: int, outputs: int, stride: int = 1) -> nn.Sequential:
    if stride == 1:
        return nn.Sequential(Convolution(inputs, outputs), Normalization(outputs))
    return nn.Sequential(nn.Conv2d(inputs, outputs, 3, stride, padding=1, bias=False), Normalization(outputs))


class _Block(nn.Module):
    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__()
        self.first = _convolution(inputs, outputs, stride)
        self.second = _convolution(outputs, outputs)
        self.shortcut = nn.Conv2d(inputs, outputs, 1, stride, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        convolution, normalization = self.second
        maps: Tensor = normalization(convolution(self.first(x)), added=self.shortcut(x))
        return maps


class Model(nn.Module):
    """One convolution, then residual blocks at 32×32 (16 channels), 16×16 (32) and 8×8 (64); the mean of each map."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.first = _convolution(3, 16)
        self.blocks = nn.Sequential(_Block(16, 16, 1), _Block(16, 32, 2), _Block(32, 64, 2))
        self.last = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        maps: Tensor = self.blocks(self.first(images))
        logits: Tensor = self.last(maps.mean(dim=(2, 3)))
        return logits
