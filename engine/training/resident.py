"""A split of the images on the device as a whole, so that making a batch is picking rows."""

from __future__ import annotations

import torch
from torch import Tensor

from engine.data.imageset import Split


class ResidentImages:
    """A split on the device; a batch is float32, made the way the notebook's transforms make it.

    A processor keeps the images as bytes: four times less to fetch from memory than to compute. A GPU with room to
    spare keeps them as batches need them.
    """

    def __init__(self, split: Split, device: torch.device) -> None:
        self.device = device
        self.labels = split.labels
        images = torch.from_numpy(split.images).permute(0, 3, 1, 2).contiguous().to(device)
        self._ready = device.type == "cuda" and 4 * 4 * images.numel() < torch.cuda.mem_get_info(device)[0]
        self._images = torch.cat([normalized(some) for some in torch.split(images, 1000)]) if self._ready else images
        self._labels = torch.from_numpy(split.labels).to(device)

    def __len__(self) -> int:
        return len(self.labels)

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Images (n, 3, 32, 32) float32 from -1 to 1, and labels (n,) int64."""
        images = self._images[indices]
        return images if self._ready else normalized(images), self._labels[indices]


def normalized(images: Tensor) -> Tensor:
    """Bytes as float32 from -1 to 1.

    `ToTensor` divides by 255, `Normalize((0.5,)*3, (0.5,)*3)` takes 0.5 off and divides by 0.5: the same operations in
    the same order, so the same bits.
    """
    return images.to(torch.float32).div_(255).sub_(0.5).div_(0.5)
