"""Images that stay on the device, so that making a batch is picking rows."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from engine.data.imageset import Split
from engine.recipe.augmentations import Augmentation


class ResidentImages:
    """The training or the test images on the device. A batch is float32, as the notebook's transforms make it.

    On a processor the images stay bytes: fetching four times as much from memory would cost more than converting them.
    With `as_bytes` they are not even converted; `normalized` says how. A GPU with enough free memory keeps them as
    float32.

    With an `augmentation`, batches hold images changed as `draw` has drawn it for the epoch.
    """

    def __init__(
        self,
        split: Split,
        device: torch.device,
        layout: torch.memory_format = torch.contiguous_format,
        *,
        as_bytes: bool = False,
        augmentation: Augmentation | None = None,
        seed: int = 0,
    ) -> None:
        self.device, self._as_bytes = device, as_bytes
        images = torch.from_numpy(split.images)
        # Rows are picked fastest where each image's bytes lie side by side, so a batch is turned around afterwards.
        self._channels_last = layout == torch.channels_last
        if not self._channels_last:
            images = _channels_first(images).contiguous()
        images = images.to(device)
        self._ready = device.type == "cuda" and 4 * 4 * images.numel() < torch.cuda.mem_get_info(device)[0]
        self._images = torch.cat([normalized(some) for some in torch.split(images, 1000)]) if self._ready else images
        self._labels = torch.from_numpy(split.labels).to(device)
        self._augmentation, self._seed, self._drawn = augmentation, seed, list[Tensor]()
        if augmentation is not None:
            with torch.random.fork_rng(devices=[]):  # for the size of what is drawn, which a CUDA graph must know
                self._drawn = [numbers.to(device) for numbers in augmentation.draw(len(self), 1, seed)]

    def __len__(self) -> int:
        return len(self._labels)

    def labels(self, indices: Tensor) -> Tensor:
        """Labels (n,) int64 of some images."""
        return self._labels[indices.to(self.device)]

    def batch(self, indices: Tensor | slice) -> tuple[Tensor, Tensor]:
        """Images (n, 3, 32, 32), float32 from -1 to 1 or bytes, and labels (n,) int64."""
        images = self._images[indices]
        if self._augmentation is not None and self._drawn:
            images = self._augmented(images, self._augmentation, indices)
        images = images if self._ready or self._as_bytes else normalized(images)
        return _channels_first(images) if self._channels_last else images, self._labels[indices]

    def draw(self, epoch: int) -> None:
        """Draw from torch's global generator how the images are changed in `epoch`, counted from 1."""
        if self._augmentation is not None:
            drawn = self._augmentation.draw(len(self), epoch, self._seed)
            for numbers, new in zip(self._drawn, drawn, strict=True):
                numbers.copy_(new)

    @property
    def drawn(self) -> Sequence[Tensor]:
        """What `draw` has drawn: how each image is changed in this epoch."""
        return self._drawn

    def _augmented(self, images: Tensor, augmentation: Augmentation, indices: Tensor | slice) -> Tensor:
        drawn = [numbers[indices] for numbers in self._drawn]
        if self._channels_last:
            return augmentation(images, *drawn)
        return _channels_first(augmentation(images.permute(0, 2, 3, 1), *drawn)).contiguous()


def as_floats(split: Split) -> Tensor:
    """Return images as a network takes them, (n, 3, 32, 32) float32, on the processor."""
    return _channels_first(normalized(torch.from_numpy(split.images)))


def _channels_first(images: Tensor) -> Tensor:
    """Return images (n, h, w, c) as (n, c, h, w), where they lie."""
    return images.permute(0, 3, 1, 2)


def normalized(images: Tensor) -> Tensor:
    """Return bytes as float32 from -1 to 1.

    `ToTensor` divides by 255, `Normalize((0.5,)*3, (0.5,)*3)` subtracts 0.5 and divides by 0.5. These are the same
    operations in the same order, so the same bits.
    """
    return images.to(torch.float32).div_(255).sub_(0.5).div_(0.5)
