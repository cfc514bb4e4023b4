"""The notebook's loop as the notebook has it: the baseline of every comparison.

It has its own `DataLoader`, transforms of one image at a time, ReLU before pooling, torch's default Adam and `.item()`
in every iteration. It shares only the images with the engine, and networks other than the notebook's.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from engine import models
from engine.data.imageset import ImageSet, Split


class Images(Dataset[tuple[Tensor, int]]):
    """A split as `torchvision.datasets.CIFAR10` returns it: a PIL image, through the transforms."""

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])

    def __init__(self, split: Split) -> None:
        self.data, self.targets = split.images, split.labels.tolist()

    def __len__(self) -> int:
        return len(self.data)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        image: Tensor = self.transform(Image.fromarray(self.data[index]))
        return image, self.targets[index]


class CNN(nn.Module):
    """conv 3→16→32→64, each ReLU and then pooled 2×2; 1024→64→classes."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, kernel_size=3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(32, 64, kernel_size=3, stride=1, padding=1)
        self.pool = nn.MaxPool2d(kernel_size=2, stride=2)
        self.fc1 = nn.Linear(64 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, classes)
        self.relu = nn.ReLU()

    def forward(self, x: Tensor) -> Tensor:
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.pool(self.relu(self.conv3(x)))
        x = x.view(-1, 64 * 4 * 4)
        x = self.relu(self.fc1(x))
        logits: Tensor = self.fc2(x)
        return logits


class Notebook:
    """Cells of the notebook in their order: constants, loaders, network, loss and optimizer; then training."""

    def __init__(
        self,
        images: ImageSet,
        device: torch.device,
        *,
        model: str = models.NOTEBOOKS,
        seed: int = 0,
        batch_size: int = 32,
        learning_rate: float = 0.001,
        epochs: int = 4,
    ) -> None:
        torch.manual_seed(seed)
        self.device, self.epochs = device, epochs
        self.train_loader = DataLoader(Images(images.train), batch_size=batch_size, shuffle=True)
        self.test_loader = DataLoader(Images(images.test), batch_size=batch_size, shuffle=False)
        classes = len(images.classes)
        self.model = (CNN(classes) if model == models.NOTEBOOKS else models.build(model, classes)).to(device)
        self.criterion = nn.CrossEntropyLoss()
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate)

    def train(self) -> Iterator[float]:
        """Yield the loss of every iteration."""
        for _ in range(self.epochs):
            self.model.train()
            for images, labels in self.train_loader:
                images, labels = images.to(self.device), labels.to(self.device)
                outputs = self.model(images)
                loss = self.criterion(outputs, labels)
                self.optimizer.zero_grad()
                loss.backward()
                self.optimizer.step()
                yield loss.item()

    def evaluate(self) -> NDArray[np.int64]:
        """Return the class predicted for every test image, shape (n,)."""
        self.model.eval()
        predictions: list[int] = []
        with torch.no_grad():
            for images, labels in self.test_loader:
                images, labels = images.to(self.device), labels.to(self.device)
                outputs = self.model(images)
                _, predicted = torch.max(outputs, 1)
                predictions.extend(predicted.tolist())
        return np.array(predictions, dtype=np.int64)
