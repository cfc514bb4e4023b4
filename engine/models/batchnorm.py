"""The notebook's network with batch normalization after every convolution."""

from __future__ import annotations

from torch import Tensor, nn

from engine.kernels.normalization import Normalization
from engine.kernels.winograd import Convolution


def _block(inputs: int, outputs: int) -> list[nn.Module]:
    # Batch normalization subtracts the mean, so a bias before it would have no effect.
    # It also pools and rectifies. Two empty layers keep the names that the weights have in checkpoints.
    return [Convolution(inputs, outputs), Normalization(outputs, pool=True), nn.Identity(), nn.Identity()]


class Model(nn.Module):
    """conv 3→16→32→64, each batch-normalized, pooled 2×2 and rectified; 1024→64→classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_block(3, 16),
            *_block(16, 32),
            *_block(32, 64),
            nn.Flatten(),
            nn.Linear(64 * 4 * 4, 64),
            nn.ReLU(),
            nn.Linear(64, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits
