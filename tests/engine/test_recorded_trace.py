"""What a CUDA graph repeats, checked without a GPU: each step does the same operations on the same memory."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any

import pytest
import torch
from torch import Tensor

from engine import models
from engine.config import TrainingConfig
from engine.recipe import augmentations
from engine.recipe.recipe import Recipe
from engine.training.layout import layout
from engine.training.loop import train_on_batch
from engine.training.resident import ResidentImages
from engine.training.steps.graphed import GraphedSteps
from tests.images import made_up_images
from tests.networks import take_the_path_of_a_gpu
from tests.tracing import SYNCHRONISE, Trace, check_recordable

RANDOM = ("rand", "normal", "bernoulli", "dropout", "multinomial", "uniform")
"""Operations that draw from a generator. None of the networks has them; see `engine.training.steps.recording`."""


@pytest.fixture(autouse=True)
def _the_path_of_a_gpu(monkeypatch: pytest.MonkeyPatch) -> None:
    take_the_path_of_a_gpu(monkeypatch)


def traces(
    name: str,
    precision: str,
    step_of: Callable[..., tuple[Tensor, Tensor]] = train_on_batch,
    constants: Mapping[str, Any] = {},
) -> list[list[Trace]]:
    """Two steps in a row of each size of batch, as they are recorded for a GPU, apart from its kernels."""
    torch.manual_seed(0)
    config = TrainingConfig(model=name, precision=precision, **constants)
    form = layout(config, torch.device("cuda"))
    model = models.build(name, 10, width=8).to(memory_format=form)
    recipe = Recipe(model, config, batches=4, fused=True)
    changed = augmentations.build(config.augmentation)
    images = ResidentImages(made_up_images(100, 10).train, torch.device("cpu"), form, augmentation=changed)
    found = []

    def record(run: Callable[[], None]) -> Callable[[], None]:
        pair = [Trace(), Trace()]
        for trace in pair:
            with trace:
                run()
        found.append(pair)
        return run

    with torch.autograd.set_multithreading_enabled(False):
        GraphedSteps(partial(step_of, model, recipe, precision), images, 32, model, recipe, 10, record)
    return found


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("name", models.names())
def test_two_steps_are_one(name: str, precision: str) -> None:
    """Each network can be recorded: two steps are the same operations on the same memory, none waits for the GPU, and
    none draws random numbers."""
    pairs = traces(name, precision)
    assert len(pairs) == 2
    for first, second in pairs:
        check_recordable(first, second)
        assert len(first.operations) > 40
        assert not [name for name in first.names if name.startswith(RANDOM)]


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize(
    ("optimizer", "constants"),
    [("adam", {}), ("adamw", {"weight_decay": 0.01}), ("sgd", {"momentum": 0.9}), ("muon", {"momentum": 0.6})],
)
def test_a_whole_recipe_can_be_recorded(optimizer: str, constants: dict[str, Any], precision: str) -> None:
    """A step of the speed run with every part of a recipe is recorded whole: images, rates, optimizer, average."""
    every_part = {
        "optimizer": optimizer,
        "schedule": "linear",
        "warmup": 0.5,
        "augmentation": "flip-shift-cutout",
        "label_smoothing": 0.2,
        "average": 0.9,
    }
    pairs = traces("speedrun", precision, constants={**every_part, **constants})
    assert len(pairs) == 2
    for first, second in pairs:
        check_recordable(first, second)
        assert not [name for name in first.names if name.startswith(RANDOM)]


def test_a_number_of_python_is_seen() -> None:
    """A step with a number that Python counts, which a graph would repeat as it was, is not the same twice."""
    steps = iter(range(100))

    def counts(*arguments: Any) -> tuple[Tensor, Tensor]:
        loss, logits = train_on_batch(*arguments)
        return loss + next(steps), logits

    ((first, second), *_) = traces("cnn", "float32", counts)
    assert first.operations != second.operations


def test_a_wait_is_seen() -> None:
    """A step that asks for a number is found."""

    def asks(*arguments: Any) -> tuple[Tensor, Tensor]:
        loss, logits = train_on_batch(*arguments)
        return loss * float(loss > 1), logits

    ((first, _), *_) = traces("cnn", "float32", asks)
    assert any(name.startswith(SYNCHRONISE) for name in first.names)
