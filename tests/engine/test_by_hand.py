"""The notebook's network without autograd: the same bits as with it."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from engine import models, preflight
from engine.config import TrainingConfig
from engine.kernels import adam, convolutions
from engine.recipe.recipe import Recipe
from engine.training.loop import train_on_batch
from engine.training.resident import ResidentImages
from engine.training.steps.by_hand import Step, by_hand, order_of_sums
from engine.training.steps.eager import EagerSteps
from tests.compiled_code import needs_the_compiled_code
from tests.images import made_up_images

AGREES = convolutions.agrees
CPU = torch.device("cpu")
CONFIG = TrainingConfig(device="cpu", threads=1, learning_rate=0.002)


@pytest.fixture(autouse=True)
def _as_before() -> Iterator[None]:
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
    AGREES.cache_clear()
    adam._is_equal.cache_clear()


class Made(NamedTuple):
    """A network and its recipe, its step with autograd, and the step that is taken instead."""

    model: nn.Module
    recipe: Recipe
    autograd: Step
    taken: Step


def made(classes: int = 10, config: TrainingConfig = CONFIG) -> Made:
    torch.manual_seed(3)
    model = models.build(config.model, classes)
    recipe = Recipe(model, config, batches=200)
    step = partial(train_on_batch, model, recipe, config.precision)
    return Made(model, recipe, step, by_hand(step, model, recipe, config))


def trained(
    recipe: Recipe, step: Step, count: int, batch_size: int, classes: int, *, as_bytes: bool = False
) -> NDArray[np.float32]:
    images = ResidentImages(made_up_images(count, classes, classes).train, CPU, as_bytes=as_bytes)
    order = torch.randperm(count, generator=torch.Generator().manual_seed(1))
    steps, batches = EagerSteps(step, images, batch_size, recipe, classes), -(-count // batch_size)
    return np.concatenate([losses for _ in range(2) for losses in steps.epoch(order, recipe.rates(0, batches))])


@pytest.mark.parametrize("as_bytes", [False, True])
@pytest.mark.parametrize("threads", [1, 2, 3])
@pytest.mark.parametrize(("images", "batch_size", "classes"), [(200, 32, 10), (67, 33, 3), (65, 64, 10), (5, 1, 2)])
def test_the_bits_of_autograd(images: int, batch_size: int, classes: int, threads: int, as_bytes: bool) -> None:
    """Losses and weights are those of a training with autograd, bit for bit, whatever the sizes of batches."""
    needs_the_compiled_code()
    torch.set_num_threads(threads)
    ours, reference = made(classes), made(classes)
    np.testing.assert_array_equal(
        trained(ours.recipe, ours.taken, images, batch_size, classes, as_bytes=as_bytes),
        trained(reference.recipe, reference.autograd, images, batch_size, classes),
    )
    assert all(torch.equal(a, b) for a, b in zip(ours.model.parameters(), reference.model.parameters(), strict=True))


def test_autograd_is_not_used() -> None:
    """A batch that the compiled code computes does not go through the network's layers."""
    needs_the_compiled_code()
    ours = made()
    ours.model.forward = None  # type: ignore[assignment]  # calling it would fail
    trained(ours.recipe, ours.taken, 64, 32, 10)


@pytest.mark.parametrize("other", [{"model": "batchnorm"}, {"precision": "bfloat16"}])
def test_what_is_left_to_autograd(other: dict[str, str]) -> None:
    """Other networks and precisions train with autograd, and their records promise no order of sums."""
    config = CONFIG.replaced(**other)
    made_so = made(config=config)
    assert made_so.taken is made_so.autograd
    assert order_of_sums(config, CPU) is None


def test_another_loss_is_left_to_autograd() -> None:
    """A loss with label smoothing is computed as torch computes it."""
    smooth = made(config=CONFIG.replaced(label_smoothing=0.2))
    assert smooth.taken is smooth.autograd


def test_hooks_are_called() -> None:
    """A network whose layers somebody watches is trained by calling them."""
    model, called = models.build("cnn", 10), list[Tensor]()
    model.get_submodule("fc1").register_forward_hook(lambda module, inputs, output: called.append(output))
    recipe = Recipe(model, CONFIG)
    trained(recipe, by_hand(partial(train_on_batch, model, recipe, "float32"), model, recipe, CONFIG), 64, 32, 10)
    assert len(called) == 4


def test_the_record_names_the_order_of_sums(monkeypatch: pytest.MonkeyPatch) -> None:
    """The record says in which order the sums run: two runs with equal constants are equal if it is the same."""
    needs_the_compiled_code()
    assert "convolutions as oneDNN's AVX2 kernels" in str(order_of_sums(CONFIG, CPU))
    monkeypatch.setattr(convolutions, "library", lambda: None)
    monkeypatch.setattr(convolutions, "takes_avx2_kernels", lambda: False)
    convolutions.agrees.cache_clear()
    assert "convolutions as torch's kernels" in str(order_of_sums(CONFIG, CPU))


def test_one_wrong_bit_of_adam_and_torch_computes(monkeypatch: pytest.MonkeyPatch) -> None:
    """If the compiled Adam moves one number elsewhere than torch's, torch's is used."""
    needs_the_compiled_code()
    assert adam._is_equal()
    move = adam._move_compiled

    def almost_right(moved: adam.Moved, steps: float, rate: float) -> None:
        move(moved, steps, rate)
        moved.values.view(torch.int32)[1234] ^= 1

    adam._is_equal.cache_clear()
    monkeypatch.setattr(adam, "_move_compiled", almost_right)
    assert not adam._is_equal()


@pytest.mark.parametrize(
    ("missing", "reason"), [("compiler", "install again with a C compiler"), ("agreement", "this release of torch")]
)
def test_the_look_ahead_says_why_it_is_slow(missing: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where torch computes what compiled code could, a person reads why before the start."""
    needs_the_compiled_code()
    assert not preflight._compiled_lines(CONFIG, CPU)
    if missing == "compiler":
        monkeypatch.setattr(convolutions, "library", lambda: None)
    else:
        monkeypatch.setattr(convolutions, "agrees", lambda threads, images: False)
    (line,) = preflight._compiled_lines(CONFIG, CPU)
    assert line.startswith("about half as fast with")
    assert reason in line
    assert not preflight._compiled_lines(CONFIG.replaced(model="deeper"), CPU)
