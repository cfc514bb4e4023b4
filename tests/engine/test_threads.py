"""Measuring the best number of threads changes nothing but that number."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

import pytest
import torch
from torch import nn

from engine import models
from engine.config import TrainingConfig
from engine.hardware.processors import most_threads
from engine.recipe.recipe import Recipe
from engine.training.loop import train_on_batch
from engine.training.threads import fastest, set_threads


@pytest.fixture(autouse=True)
def _threads_as_before() -> Iterator[None]:
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize(
    ("costs", "best"), [({1: 10.0, 2: 6.0, 4: 7.0}, 2), ({1: 10.0, 2: 9.9, 4: 9.8}, 1), ({1: 5.0, 2: 6.0}, 1)]
)
def test_fastest_count_is_taken(costs: dict[int, float], best: int) -> None:
    """The count with the shortest step is taken. A larger one must be clearly faster."""
    now = 0.0

    def step() -> None:
        nonlocal now
        now += costs[torch.get_num_threads()]

    assert fastest(tuple(costs), step, lambda: now) == best


def set_for(model: nn.Module, threads: int) -> Recipe:
    recipe = Recipe(model, TrainingConfig())
    set_threads(threads, partial(train_on_batch, model, recipe, "float32"), model, recipe, batch_size=16)
    return recipe


def test_measuring_changes_nothing_else() -> None:
    """Weights, running means, the optimizer and the random numbers are the same after measuring as before."""
    model = models.build("batchnorm", 10)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    random_state = torch.get_rng_state()
    recipe = set_for(model, 0)
    assert 1 <= torch.get_num_threads() <= most_threads()
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())
    assert not any(tensor.any() for tensor in recipe.state().values())
    assert torch.equal(torch.get_rng_state(), random_state)


def test_omp_num_threads_is_the_upper_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """OMP_NUM_THREADS limits the threads on a shared machine. Invalid values are ignored."""
    for value, expected in [("1", 1), ("1,4", 1), ("0", None), ("x", None), ("", None), ("100000", None)]:
        monkeypatch.setenv("OMP_NUM_THREADS", value)
        monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
        assert most_threads() == (expected or 3)
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    set_for(models.build("cnn", 10), 8)
    assert torch.get_num_threads() == 1
