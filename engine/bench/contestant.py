"""One contestant in a process of its own: `python -m engine.bench.contestant`, asked through its standard input.

Separate processes keep the settings of one (threads, allocator, chosen kernels) from helping or harming the other. Only
one of them works at a time.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from engine import data
from engine.bench.notebook import Notebook
from engine.bench.plain_speedrun import PlainSpeedrun
from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.hardware import device
from engine.hardware.precision import multiplying_in
from engine.kernels.compiled import instructions
from engine.kernels.convolutions import agrees
from engine.kernels.onednn import takes_avx2_kernels
from engine.record.events import Event
from engine.training.layout import has_the_notebooks_bits, layout
from engine.training.predict import predict
from engine.training.resident import ResidentImages
from engine.training.trainer import train

TRAIN_IMAGES, TEST_IMAGES = 50_000, 10_000

Evaluate = Callable[[], NDArray[np.int64] | None]
"""Returns the class predicted for every test image."""


class Questions:
    """The lines on standard input: `train N`, as often as the contest likes, then `evaluate`.

    Takes the losses of a training as its `Report`. The training waits here whenever it has done what was asked.
    """

    def __init__(self) -> None:
        self._losses: list[float] = []
        self.next()

    def next(self) -> bool:
        """Wait for the next question, and start the clock. Returns False after the last one."""
        words = sys.stdin.readline().split()
        self._wanted = int(words[1]) if len(words) == 2 else None
        self.start_clock()
        return bool(words)

    def start_clock(self) -> None:
        self._began = time.perf_counter()

    def answer(self, **found: object) -> None:
        print(json.dumps({"seconds": time.perf_counter() - self._began, **found}), flush=True)

    def losses(self, values: NDArray[np.float32]) -> None:
        self._losses += values.tolist()
        if self._wanted is not None and len(self._losses) >= self._wanted:
            self.answer(losses=self._losses)
            self._losses.clear()
            self.next()

    def event(self, event: Event) -> None:
        """The record of a run is not part of the contest."""


def notebook(config: TrainingConfig, images: ImageSet, questions: Questions) -> Evaluate:
    """Train as the notebook does, for an epoch."""
    loop = Notebook(
        images,
        device.choose(config.device),
        model=config.model,
        seed=config.seed,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        epochs=1,
    )
    for loss in loop.train():
        questions.losses(np.array([loss], dtype=np.float32))
    return loop.evaluate


def plain_speedrun(config: TrainingConfig, images: ImageSet, questions: Questions) -> Evaluate:
    """Train as a plain loop over the recipe of the speed run does."""
    loop = PlainSpeedrun(images, device.choose(config.device), config)
    for loss in loop.train():
        questions.losses(np.array([loss], dtype=np.float32))
    return loop.evaluate


def engine(config: TrainingConfig, images: ImageSet, questions: Questions) -> Evaluate:
    """Train as `cifar-tui train` does, without a record."""
    config = config.replaced(threads=torch.get_num_threads())
    trained = train(config, images, questions, Control())
    chosen = device.choose(config.device)
    test_images = ResidentImages(images.test, chosen, layout(config, chosen))

    def evaluate() -> NDArray[np.int64] | None:
        found = predict(trained.model, test_images, config.precision, views=config.test_views)
        return found.classes if found else None

    return evaluate


CONTESTANTS = {"notebook": notebook, "plain speedrun": plain_speedrun, "engine": engine}


def stand_in(data_dir: Path) -> ImageSet:
    """As many images as CIFAR-10 has, for a machine without it: the demo set's, repeated, with noise."""
    demo = data.load("demo", data_dir, Progress(lambda *told: None, Control()))
    random = np.random.default_rng(0)

    def many(split: Split, count: int) -> Split:
        chosen = random.integers(0, len(split), count)
        noise = random.integers(-24, 25, (count, 32, 32, 1), dtype=np.int16)
        noisy = np.clip(split.images[chosen] + noise, 0, 255).astype(np.uint8)
        return Split(noisy, split.labels[chosen])

    train, test = many(demo.train, TRAIN_IMAGES), many(demo.test, TEST_IMAGES)
    return ImageSet("a stand-in", "drawn", demo.classes, train, test, fingerprint(demo.classes, train, test))


def main() -> None:
    """Tell about this contestant in a line of JSON, then answer each question with one."""
    name, constants, wanted = sys.argv[1:]
    config = TrainingConfig.checked(json.loads(constants))
    if config.threads:
        torch.set_num_threads(config.threads)
    images = (
        stand_in(config.data_dir)
        if wanted == "stand-in"
        else data.load(config.data, config.data_dir, Progress(lambda *told: None, Control()))
    )
    about = {
        "threads": torch.get_num_threads(),
        **sums(config),
        "iterations": -(-len(images.train) // config.batch_size),
        "labels": images.test.labels.tolist(),
        "images": f"{images.name}: {len(images.train):,} training and {len(images.test):,} test images",
    }
    print(json.dumps(about), flush=True)
    with multiplying_in(config.precision, config.deterministic):
        answer(name, config, images)


def sums(config: TrainingConfig) -> dict[str, str | bool]:
    """What computes the convolutions, in the order of which kernels, and whether the bits are to be the notebook's."""
    chosen = device.choose(config.device)
    same_bits = has_the_notebooks_bits(config, chosen)
    compiled = same_bits and agrees(torch.get_num_threads(), min(config.batch_size, 64))
    last = layout(config, chosen) == torch.channels_last
    kernels = f"compiled for {instructions()} and torch's" if last and instructions() else "torch's"
    torchs = f"{kernels}, channels last" if last else kernels
    return {
        "same_bits": same_bits,
        "avx2_order": compiled,
        "avx2_kernels": takes_avx2_kernels(),
        "layers": f"compiled for {instructions()}" if compiled else torchs,
    }


def answer(name: str, config: TrainingConfig, images: ImageSet) -> None:
    """Train as the contestant `name` whenever the contest asks for it, then evaluate."""
    questions = Questions()
    evaluate = CONTESTANTS[name](config, images, questions)
    while True:
        questions.start_clock()  # a training may have ended with an evaluation of its own
        predictions = evaluate()
        assert predictions is not None
        questions.answer(predictions=predictions.tolist())
        if not questions.next():
            return


if __name__ == "__main__":
    main()
