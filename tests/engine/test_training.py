"""The engine against the notebook: the same losses, the same predictions."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader, Dataset
from torchvision import transforms

from engine import models
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet, Split, fingerprint
from engine.errors import ConstantError, TrainingError
from engine.events import (
    BatchDone,
    Evaluated,
    EvaluationStarted,
    Event,
    Failed,
    Finished,
    Paused,
    Resumed,
    RunStarted,
)
from engine.record import RunLog, RunRecord
from engine.training import check_shape, shuffled, train


def made_up_images(train: int, test: int, classes: int = 10, seed: int = 7) -> ImageSet:
    """Noise with a class-dependent tint: something to learn, nothing to download."""
    generator = np.random.default_rng(seed)

    def split(count: int) -> Split:
        labels = generator.integers(0, classes, count)
        tint = np.random.default_rng(1).integers(0, 160, (classes, 1, 1, 3))
        pixels = generator.integers(0, 96, (count, 32, 32, 3)) + tint[labels]
        return Split(pixels.astype(np.uint8), labels.astype(np.int64))

    names = tuple(f"class {i}" for i in range(classes))
    training, testing = split(train), split(test)
    return ImageSet("made up", "here", names, training, testing, fingerprint(names, training, testing))


class NotebookDataset(Dataset[tuple[torch.Tensor, int]]):
    """Images as torchvision hands them out: one at a time, through the notebook's transforms."""

    transform = transforms.Compose([transforms.ToTensor(), transforms.Normalize((0.5, 0.5, 0.5), (0.5, 0.5, 0.5))])

    def __init__(self, split: Split) -> None:
        self.split = split

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: int) -> tuple[torch.Tensor, int]:
        return self.transform(self.split.images[index]), int(self.split.labels[index])


class NotebookCNN(nn.Module):
    """The network as the notebook writes it: pooling after ReLU, default memory layout."""

    def __init__(self, classes: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(3, 16, 3, stride=1, padding=1)
        self.conv2 = nn.Conv2d(16, 32, 3, stride=1, padding=1)
        self.conv3 = nn.Conv2d(32, 64, 3, stride=1, padding=1)
        self.pool = nn.MaxPool2d(2, 2)
        self.fc1 = nn.Linear(64 * 4 * 4, 64)
        self.fc2 = nn.Linear(64, classes)
        self.relu = nn.ReLU()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        x = self.pool(self.relu(self.conv1(x)))
        x = self.pool(self.relu(self.conv2(x)))
        x = self.pool(self.relu(self.conv3(x)))
        x = self.relu(self.fc1(x.view(-1, 64 * 4 * 4)))
        logits: torch.Tensor = self.fc2(x)
        return logits


def notebook(images: ImageSet, config: TrainingConfig) -> tuple[list[float], NDArray[np.int64]]:
    """The notebook's own loop, as it stands there; returns every iteration's loss and the test predictions."""
    torch.manual_seed(config.seed)
    train_loader = DataLoader(NotebookDataset(images.train), batch_size=config.batch_size, shuffle=True)
    test_loader = DataLoader(NotebookDataset(images.test), batch_size=config.batch_size, shuffle=False)
    model = NotebookCNN(len(images.classes))
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    losses = []
    for _ in range(config.epochs):
        model.train()
        for inputs, labels in train_loader:
            outputs = model(inputs)
            loss = criterion(outputs, labels)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(loss.item())
    model.eval()
    predictions = []
    with torch.no_grad():
        for inputs, _ in test_loader:
            predictions.append(model(inputs).argmax(1))
    return losses, torch.cat(predictions).numpy()


def run(config: TrainingConfig, images: ImageSet, control: Control | None = None) -> tuple[RunRecord, list[Event]]:
    log = RunLog()
    train(config, images, log, control or Control())
    record = RunRecord(log)
    record.catch_up()
    return record, log.events


@pytest.mark.parametrize(
    ("train_images", "batch_size", "classes", "evaluate_each_epoch"),
    [(1000, 32, 10, False), (1000, 32, 10, True), (70, 1, 2, True), (130, 130, 3, True), (50, 64, 10, True)],
)
def test_same_numbers_as_the_notebook(
    train_images: int, batch_size: int, classes: int, evaluate_each_epoch: bool
) -> None:
    """With the same seed a user gets the notebook's losses, iteration by iteration, and its predictions."""
    images = made_up_images(train_images, 400, classes)
    config = TrainingConfig(
        epochs=3, batch_size=batch_size, seed=5, device="cpu", threads=1, evaluate_each_epoch=evaluate_each_epoch
    )
    torch.set_num_threads(1)
    losses, predictions = notebook(images, config)
    log = RunLog()
    trained = train(config, images, log, Control())
    np.testing.assert_array_equal(log.loss_buffer.values(), np.array(losses, dtype=np.float32))
    assert trained.predictions is not None
    np.testing.assert_array_equal(trained.predictions, predictions)
