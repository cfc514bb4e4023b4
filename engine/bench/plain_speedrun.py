"""The speed run as a plain torch loop: the baseline that its recipe is compared with.

It does what Keller Jordan's airbench94_muon does, on any device: the same network, optimizers, schedule, augmentation
and views, in float32, with torch's own layers. Written from the description of that recipe; it shares only the images
with the engine.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional

from engine.config import TrainingConfig
from engine.data.imageset import ImageSet, Split

_SHIFT = 2
_BIAS_RATE, _HEAD_RATE, _OTHERS_MOMENTUM = 0.053, 0.67, 0.85


class Group(nn.Module):
    """Two convolutions, the first one pooled."""

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, padding=1, bias=False)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, padding=1, bias=False)
        self.norm1, self.norm2 = (nn.BatchNorm2d(outputs, eps=1e-12, momentum=0.4) for _ in range(2))
        for convolution in (self.conv1, self.conv2):
            nn.init.dirac_(convolution.weight.data[: convolution.in_channels])
        self.norm1.weight.requires_grad = self.norm2.weight.requires_grad = False

    def forward(self, x: Tensor) -> Tensor:
        x = functional.gelu(self.norm1(functional.max_pool2d(self.conv1(x), 2)))
        return functional.gelu(self.norm2(self.conv2(x)))


class Network(nn.Module):
    """Whitened patches, three groups, a linear head."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.whiten = nn.Conv2d(3, 24, 2)
        self.whiten.weight.requires_grad = False
        self.groups = nn.Sequential(Group(24, width), Group(width, 4 * width), Group(4 * width, 4 * width))
        self.head = nn.Linear(4 * width, classes, bias=False)
        self.head.weight.data /= self.head.weight.data.std()

    def set_up(self, images: Tensor) -> None:
        """Whiten the patches of standardized `images`."""
        patches = functional.unfold(images, 2).transpose(1, 2).reshape(-1, 12)
        variances, directions = torch.linalg.eigh(patches.T @ patches / len(patches))
        filters = (directions / (variances + 5e-4).sqrt()).T.reshape(12, 3, 2, 2)
        self.whiten.weight.data[:] = torch.cat([filters, -filters])

    def forward(self, x: Tensor) -> Tensor:
        x = self.groups(functional.gelu(self.whiten(x)))
        logits: Tensor = self.head(functional.max_pool2d(x, 3).flatten(1)) / self.head.in_features
        return logits


class PlainSpeedrun:
    """The whole recipe; `config` gives the width, the batch size, the epochs and the seed."""

    def __init__(self, images: ImageSet, device: torch.device, config: TrainingConfig) -> None:
        torch.manual_seed(config.seed)
        self.config, self.device = config, device
        self.train_images, self.test_images = (self._standardized(split) for split in (images.train, images.test))
        self.labels = torch.from_numpy(images.train.labels).to(device)
        self.model = Network(len(images.classes), config.width).to(device).to(memory_format=torch.channels_last)
        self.model.set_up(self.train_images[::10][:5000].contiguous())
        named = [(name, each) for name, each in self.model.named_parameters() if each.requires_grad]
        self.filters = [each for _, each in named if each.ndim == 4]
        self.momenta = [torch.zeros_like(each) for each in self.filters]
        groups = [
            self._group([each for name, each in named if name == "whiten.bias"], _BIAS_RATE),
            self._group([each for name, each in named if "norm" in name], _BIAS_RATE),
            self._group([self.model.head.weight], _HEAD_RATE),
        ]
        self.others = torch.optim.SGD(groups, momentum=_OTHERS_MOMENTUM, nesterov=True)

    def _standardized(self, split: Split) -> Tensor:
        images = torch.from_numpy(split.images).to(self.device).permute(0, 3, 1, 2).float() / 255
        mean, deviation = (torch.tensor(v, device=self.device).view(3, 1, 1) for v in (_MEAN, _DEVIATION))
        return ((images - mean) / deviation).contiguous(memory_format=torch.channels_last)

    def _group(self, parameters: list[Tensor], rate: float) -> dict[str, object]:
        decay = self.config.weight_decay / rate
        return {"params": parameters, "lr": rate, "initial": rate, "weight_decay": decay}

    def train(self) -> Iterator[float]:
        """Yield the loss of every iteration."""
        size, count = self.config.batch_size, len(self.labels)
        batches = -(-count // size)
        total, step = batches * self.config.epochs, 0
        mirrored = torch.rand(count, device=self.device) < 0.5
        mirrored_images = torch.where(mirrored.view(-1, 1, 1, 1), self.train_images.flip(3), self.train_images)
        padded = functional.pad(mirrored_images, (_SHIFT,) * 4, "reflect")
        for epoch in range(self.config.epochs):
            self.model.train()
            images = self._shifted(padded)
            images = images.flip(3) if epoch % 2 else images
            order = torch.randperm(count, device=self.device)
            for start in range(0, count, size):
                rows = order[start : start + size]
                logits = self.model(images[rows])
                loss = functional.cross_entropy(logits, self.labels[rows], label_smoothing=0.2, reduction="sum")
                loss.backward()  # type: ignore[no-untyped-call]
                self._step(step, total)
                step += 1
                yield loss.item() / len(rows)

    def _shifted(self, padded: Tensor) -> Tensor:
        """Cut 32×32 pixels out of each image, at random places."""
        side = padded.shape[2] - 2 * _SHIFT
        places = torch.randint(0, 2 * _SHIFT + 1, (len(padded), 2), device=self.device)
        images = torch.empty((len(padded), 3, side, side), device=self.device, memory_format=torch.channels_last)
        for y in range(2 * _SHIFT + 1):
            for x in range(2 * _SHIFT + 1):
                here = (places[:, 0] == y) & (places[:, 1] == x)
                images[here] = padded[here, :, y : y + side, x : x + side]
        return images

    @torch.no_grad()
    def _step(self, step: int, total: int) -> None:
        """SGD for biases and head, Muon for the filters; all rates fall to zero, that of the first bias sooner."""
        factor = 1 - step / total
        for number, group in enumerate(self.others.param_groups):
            group["lr"] = group["initial"] * (max(0.0, 1 - step / (total * 3 / 8)) if number == 0 else factor)
        self.others.step()
        rate, momentum = self.config.learning_rate * factor, self.config.momentum
        for weight, buffer in zip(self.filters, self.momenta, strict=True):
            assert weight.grad is not None
            buffer.mul_(momentum).add_(weight.grad)
            update = (weight.grad + momentum * buffer).reshape(len(weight), -1)
            weight.mul_(len(weight) ** 0.5 / weight.norm())
            weight.sub_(rate * _orthogonal(update).view(weight.shape))
        self.model.zero_grad()

    @torch.no_grad()
    def evaluate(self) -> NDArray[np.int64]:
        """Return the class predicted for every test image from six views, shape (n,)."""
        self.model.eval()
        return torch.cat([self._logits(batch).argmax(1) for batch in torch.split(self.test_images, 2000)]).cpu().numpy()

    def _logits(self, images: Tensor) -> Tensor:
        def of_both(view: Tensor) -> Tensor:
            both: Tensor = (self.model(view) + self.model(view.flip(3))) / 2
            return both

        padded, side = functional.pad(images, (1, 1, 1, 1), "reflect"), images.shape[2]
        shifted = of_both(padded[:, :, :side, :side]) + of_both(padded[:, :, 2:, 2:])
        return of_both(images) / 2 + shifted / 4


_MEAN, _DEVIATION = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
"""Of CIFAR-10's training images, by channel."""


def _orthogonal(matrix: Tensor) -> Tensor:
    """Three steps of Newton and Schulz's iteration, in bfloat16 as the recipe has it."""
    x: Tensor = matrix.bfloat16()
    x = x / (x.norm() + 1e-7)
    high = len(x) > x.shape[1]
    x = x.T if high else x
    for _ in range(3):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return (x.T if high else x).to(matrix.dtype)
