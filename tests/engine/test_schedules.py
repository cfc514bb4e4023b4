"""The learning rate over a run, against closed forms and torch's own schedules."""

from __future__ import annotations

import math
import warnings
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.optim import lr_scheduler

from engine import registry
from engine.recipe.schedules import factors

NAMES = registry.names("recipe/schedules", first="constant")


def whole(name: str, total: int, warmup: int = 0) -> NDArray[np.float64]:
    return factors(name, np.arange(total), total, warmup)


def torchs(make: Callable[[torch.optim.Optimizer], Any], total: int) -> list[float]:
    """The rates of torch's schedule over `total` iterations, of a rate of 1."""
    optimizer = torch.optim.SGD([torch.zeros(1, requires_grad=True)], lr=1.0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that the optimizer takes no steps
        schedule = make(optimizer)
        rates = []
        for number in range(total):
            if number:
                schedule.step()
            rates.append(optimizer.param_groups[0]["lr"])
    return rates


@pytest.mark.parametrize(
    ("name", "shape"),
    [
        ("constant", lambda done: 1.0),
        ("linear", lambda done: 1 - done),
        ("cosine", lambda done: (1 + math.cos(math.pi * done)) / 2),
    ],
)
def test_shapes(name: str, shape: Callable[[float], float]) -> None:
    """After a linear warm-up the rate keeps to the shape that the schedule is named after."""
    expected = [(i + 1) / 5 for i in range(5)] + [shape(j / 15) for j in range(15)]
    np.testing.assert_allclose(whole(name, 20, 5), expected, rtol=1e-14)
    np.testing.assert_allclose(whole(name, 15), expected[5:], rtol=1e-14)


def test_one_cycle() -> None:
    """The rate rises from a 25th to the whole during the warm-up, and falls to almost nothing at the last iteration."""
    found = whole("one-cycle", 50, 11)
    np.testing.assert_allclose(found[[0, 5, 10]], [1 / 25, 0.52, 1], rtol=1e-14)
    assert 0 < found[-1] < 1e-5
    assert (np.diff(found[:11]) > 0).all()
    assert (np.diff(found[10:]) < 0).all()


@pytest.mark.parametrize("total", [10, 37, 400])
def test_as_torchs(total: int) -> None:
    """Where torch has a schedule of the same shape, it has the same rates."""
    same: dict[str, Callable[[torch.optim.Optimizer], Any]] = {
        "linear": lambda each: lr_scheduler.LinearLR(each, start_factor=1.0, end_factor=0.0, total_iters=total),
        "cosine": lambda each: lr_scheduler.CosineAnnealingLR(each, T_max=total),
        "one-cycle": lambda each: lr_scheduler.OneCycleLR(each, max_lr=1.0, total_steps=total),
    }
    for name, make in same.items():
        np.testing.assert_allclose(whole(name, total), torchs(make, total), rtol=1e-9, err_msg=name)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("total", "warmup"), [(1, 0), (1, 1), (2, 0), (3, 1), (7, 7), (100, 99), (1000, 0)])
def test_every_schedule_at_any_length(name: str, total: int, warmup: int) -> None:
    """Runs of any length have rates between nothing and the whole rate, none is nothing, and after the end all are."""
    found = factors(name, np.arange(total + 3), total, warmup)
    assert found.dtype == np.float64
    assert (found[:total] > 0).all()
    assert found.max() <= 1
    assert not found[total:].any()


@pytest.mark.parametrize("name", NAMES)
def test_a_part_of_a_run_has_the_rates_of_the_whole(name: str) -> None:
    """A resumed run has the rates, bit for bit, of one that was not interrupted."""
    np.testing.assert_array_equal(factors(name, np.arange(61, 90), 100, 7), whole(name, 100, 7)[61:90])
    np.testing.assert_array_equal(factors(name, np.array([80]), 100, 7), whole(name, 100, 7)[80:81])
