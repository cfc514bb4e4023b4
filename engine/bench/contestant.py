"""One contestant in a process of its own: `python -m engine.bench.contestant`, asked through its standard input.

Each in its own process, so that neither enjoys or suffers what the other sets (threads, the allocator, kernels that
were chosen already). Only one of them works at a time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Iterator
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from engine import data, models
from engine.bench.notebook import Notebook
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.hardware import device
from engine.hardware.memory import keep_freed_memory
from engine.kernels.convolutions import compiled_is_equal
from engine.record.log import RunLog
from engine.training.loop import evaluate, make_steps, shuffled
from engine.training.reporter import Course
from engine.training.resident import ResidentImages

TRAIN_IMAGES, TEST_IMAGES = 50_000, 10_000


class Contestant(Protocol):
    def train(self) -> Iterator[list[float]]:
        """The losses of the next iterations, as they come, epoch after epoch."""

    def evaluate(self) -> NDArray[np.int64]:
        """The class predicted for every test image."""


class NotebookLoop:
    """The baseline."""

    def __init__(self, config: TrainingConfig, images: ImageSet) -> None:
        self._notebook = Notebook(images, device.choose(config.device), seed=config.seed, epochs=config.epochs)

    def train(self) -> Iterator[list[float]]:
        return ([loss] for loss in self._notebook.train())

    def evaluate(self) -> NDArray[np.int64]:
        return self._notebook.evaluate()


class Engine:
    """What `cifar-tui train` does, without a record of it."""

    def __init__(self, config: TrainingConfig, images: ImageSet) -> None:
        chosen = device.choose(config.device)
        keep_freed_memory()
        torch.manual_seed(config.seed)
        self._config = config
        self._model = models.build(config.model, len(images.classes)).to(chosen)
        self._run = Course(config, images, RunLog(), Control(), time.monotonic)
        self._test_images = ResidentImages(images.test, chosen)
        self._count = len(images.train)
        self._steps = make_steps(config, self._model, ResidentImages(images.train, chosen), self._run)

    def train(self) -> Iterator[list[float]]:
        for _ in range(self._config.epochs):
            self._model.train()
            self._steps.begin(shuffled(self._count))
            while self._steps.left:
                yield self._steps.advance().tolist()

    def evaluate(self) -> NDArray[np.int64]:
        predictions = evaluate(self._model, self._test_images, self._run, self._config.precision)
        assert predictions is not None
        return predictions


CONTESTANTS: dict[str, type[NotebookLoop | Engine]] = {"notebook": NotebookLoop, "engine": Engine}


def stand_in() -> ImageSet:
    """Images of CIFAR-10's shape and number, for a machine that has none: the demo set's, over and over, with noise."""
    demo = data.load("demo", TrainingConfig().data_dir, Progress(lambda *told: None, Control()))
    random = np.random.default_rng(0)

    def many(split: Split, count: int) -> Split:
        chosen = random.integers(0, len(split), count)
        noise = random.integers(-24, 25, (count, 32, 32, 1), dtype=np.int16)
        noisy = np.clip(split.images[chosen] + noise, 0, 255).astype(np.uint8)
        return Split(noisy, split.labels[chosen])

    train, test = many(demo.train, TRAIN_IMAGES), many(demo.test, TEST_IMAGES)
    return ImageSet("a stand-in", "drawn", demo.classes, train, test, fingerprint(demo.classes, train, test))


def main() -> None:
    """Answer each line on standard input with one line of JSON: `train N`, `evaluate`."""
    name, constants, wanted = sys.argv[1:]
    config = TrainingConfig.checked(json.loads(constants))
    if config.threads:
        torch.set_num_threads(config.threads)
    images = (
        stand_in()
        if wanted == "stand-in"
        else data.load(config.data, config.data_dir, Progress(lambda *told: None, Control()))
    )
    contestant = CONTESTANTS[name](config, images)
    losses = contestant.train()
    threads = torch.get_num_threads()
    compiled = device.choose(config.device).type == "cpu" and compiled_is_equal(threads, min(config.batch_size, 64))
    answer: dict[str, object] = {
        "threads": threads,
        "layers": "compiled, equal to torch's bit for bit" if compiled else "torch's",
        "iterations": -(-len(images.train) // config.batch_size),
        "labels": images.test.labels.tolist(),
        "images": f"{images.name}: {len(images.train):,} training and {len(images.test):,} test images",
    }
    print(json.dumps(answer), flush=True)
    for line in sys.stdin:
        what, _, count = line.strip().partition(" ")
        began = time.perf_counter()
        if what == "train":
            told: list[float] = []
            while len(told) < int(count):
                told += next(losses)
            answer = {"losses": told}
        else:
            answer = {"predictions": contestant.evaluate().tolist()}
        print(json.dumps({"seconds": time.perf_counter() - began, **answer}), flush=True)


if __name__ == "__main__":
    main()
