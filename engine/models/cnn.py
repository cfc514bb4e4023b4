"""The notebook's network: three convolutions and two linear layers."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from engine.kernels.convolutions import convolved


class Model(nn.Module):
    """conv 3→16→32→64 (3×3, stride 1, padding 1), each pooled 2×2; 1024→64→classes: 89,834 parameters on ten."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        # The layers are created in the notebook's order, so that a seed draws the notebook's weights.
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1)
        self.fc1 = nn.Linear(64 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, classes)

    def forward(self, images: Tensor) -> Tensor:
        # Convolution, 2×2 max-pooling and ReLU, three times.
        x = convolved(images, (self.conv1, self.conv2, self.conv3))
        x = functional.relu(self.fc1(torch.flatten(x, 1)))
        logits: Tensor = self.fc2(x)
        return logits
