"""Six convolutions in three pairs, batch-normalized, like VGG (Simonyan and Zisserman, 2014)."""

from __future__ import annotations

from torch import Tensor, nn

from engine.kernels.normalization import Normalization
from engine.kernels.winograd import Convolution


def _pair(inputs: int, outputs: int) -> list[nn.Module]:
    layers: list[nn.Module] = []
    for channels, pool in ((inputs, False), (outputs, True)):
        # The normalization also pools and rectifies. Empty layers keep the names that the weights have in checkpoints.
        layers += [Convolution(channels, outputs), Normalization(outputs, pool=pool), nn.Identity()]
    return [*layers, nn.Identity()]


class Model(nn.Module):
    """Two convolutions at each of 32×32 (32 channels), 16×16 (64) and 8×8 (128), then 2048→128→classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            *_pair(3, 32),
            *_pair(32, 64),
            *_pair(64, 128),
            nn.Flatten(),
            nn.Linear(128 * 4 * 4, 128),
            nn.ReLU(),
            nn.Linear(128, classes),
        )

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.layers(images)
        return logits
