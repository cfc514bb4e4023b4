"""What a sweep is to do: read from a file and from flags, or refused in words."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.errors import ConstantError
from engine.sweeps.goal import Goal, epochs
from engine.sweeps.space import Choices, Range, as_json, grid, grid_size, read_axes
from engine.sweeps.spec import Spec, read_file

OVER = {"learning_rate": "log:1e-4:1e-1", "model": "cnn,batchnorm", "epochs": "2:8", "augmentation": ["none", "flip"]}


def test_axes() -> None:
    """Ranges, logarithmic ranges and choices are read from text, choices also from a list."""
    axes, problems = read_axes(OVER)
    assert problems == {}
    assert axes == {
        "learning_rate": Range(1e-4, 1e-1, log=True, whole=False),
        "model": Choices(("cnn", "batchnorm")),
        "epochs": Range(2, 8, log=False, whole=True),
        "augmentation": Choices(("none", "flip")),
    }
    assert read_axes(as_json(axes)) == (axes, {})


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("lerning_rate", "1:2", "there is no such constant; there are .*learning_rate"),
        ("name", "a,b", "which the sweep decides"),
        ("device", "cpu,cuda", "which the sweep decides"),
        ("learning_rate", "0.1:0.01", "the range 0.1:0.01 is empty: 0.1 is not below 0.01"),
        ("learning_rate", "0.1:0.1", "is empty"),
        ("learning_rate", "1:2:3", "is no range; write low:high"),
        ("learning_rate", "log:0:1", "0 is not allowed; it must be a number above 0"),
        ("weight_decay", "log:0:0.1", "a logarithmic scale begins above 0"),
        ("learning_rate", "1e-3:100", "100 is not allowed"),
        ("epochs", "1.5:3", "1.5 is not allowed; it must be a whole number"),
        ("model", "cnn,resnet", "resnet is not allowed; it must be one of cnn"),
        ("model", "cnn,cnn", "cnn stands there twice"),
        ("model", "", "nothing to choose from"),
        ("model", [], "nothing to choose from"),
        ("learning_rate", "nan:1", "nan is not allowed"),
        ("learning_rate", {"low": 1}, "is not allowed"),
    ],
)
def test_axes_that_cannot_be_read(name: str, value: object, told: str) -> None:
    """What is wrong with a range or a choice is said beside its name, with what is allowed."""
    axes, problems = read_axes({name: value})
    assert axes == {}
    assert re.search(told, problems[name])


@given(st.lists(st.integers(1, 4), min_size=1, max_size=4))
def test_grid_has_each_combination_once(sizes: list[int]) -> None:
    """A grid goes through all combinations, each once, and ends."""
    axes = {f"axis {i}": Choices(tuple(range(size))) for i, size in enumerate(sizes)}
    size = grid_size(axes)
    found = [grid(axes, number) for number in range(size)]
    assert len({tuple(each.items()) for each in found if each is not None}) == size
    assert all(each is not None and list(each) == list(axes) for each in found)
    assert grid(axes, size) is None


def test_spec_with_all_entries() -> None:
    """Every entry is read, written down, and read back the same."""
    spec = Spec.checked(
        {
            "over": OVER,
            "constants": {"data": "demo", "validation": 100},
            "goal": "minimize evaluation.loss",
            "sampler": "random",
            "pruner": "median",
            "trials": 40,
            "seeds": 3,
            "time": 60,
            "at_once": 2,
            "devices": [0, 3],
        }
    )
    assert (spec.goal, spec.sampler, spec.trials, spec.seeds) == (Goal("evaluation.loss", False), "random", 40, 3)
    assert Spec.checked(spec.as_json()) == spec
    config = spec.config({"learning_rate": 0.01, "model": "batchnorm", "epochs": 3, "augmentation": "flip"}, run=2)
    assert (config.data, config.learning_rate, config.seed) == ("demo", 0.01, 2)
    assert (spec.at_once, spec.devices) == (2, (0, 3))
    other = Spec.checked({**spec.as_json(), "trials": 41, "at_once": 1})
    assert spec.differences(other) == ["trials: 40 here, 41 there"]


def test_defaults() -> None:
    """Choices alone make a grid, with all its trials and no more; a range makes TPE look for 20 trials."""
    choices = {"model": "cnn,batchnorm", "epochs": "1,2,3"}
    grid_of_six = Spec.checked({"over": choices})
    assert (grid_of_six.sampler, grid_of_six.trials, grid_of_six.goal) == ("grid", 6, Goal())
    assert Spec.checked({"over": choices, "trials": 100}).trials == 6
    assert Spec.checked({"over": choices, "trials": 4}).trials == 4
    ranged = Spec.checked({"over": {"learning_rate": "0.1:1"}})
    assert (ranged.sampler, ranged.trials) == ("tpe", 20)


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({}, r"--over: there is nothing to vary"),
        ({"over": {"model": "cnn,deeper"}, "constants": {"model": "cnn"}}, r"--over model: it is also given"),
        ({"over": {"nothing": "1:2"}}, r"--over nothing: there is no such constant"),
        ({"over": "model"}, r"--over: it must be a table"),
        ({"over": OVER, "trails": 4}, r"--trails: there is no such entry; there are .*trials"),
        ({"over": OVER, "trials": 0}, r"--trials: 0 is not allowed; it must be a whole number from 1"),
        ({"over": OVER, "trials": True}, r"--trials: True is not allowed"),
        ({"over": OVER, "seeds": "3"}, r"--seeds: 3 is not allowed"),
        ({"over": OVER, "at_once": -1}, r"--at-once: -1 is not allowed"),
        ({"over": OVER, "devices": "0"}, r"--devices: 0 is not allowed; it must be a list of numbers"),
        ({"over": OVER, "devices": [0.5]}, r"--devices: .* is not allowed"),
        ({"over": OVER, "time": -1}, r"--time: -1 is not allowed"),
        ({"over": OVER, "sampler": "grid"}, r"--sampler: grid takes choices only"),
        ({"over": OVER, "sampler": "best"}, r"--sampler: best is not allowed; it must be one of grid, random, tpe"),
        ({"over": OVER, "pruner": ["median"]}, r"--pruner: .*must be one of none, median, halving"),
        ({"over": OVER, "goal": "smallest loss please"}, r"--goal: smallest loss please is not allowed"),
        ({"over": OVER, "preset": "fast"}, r"--preset: there is no preset fast"),
        ({"over": OVER, "constants": {"batch_size": 0}}, r"--batch-size: 0 is not allowed"),
    ],
)
def test_specs_that_cannot_be_read(given: dict[str, Any], told: str) -> None:
    """Each wrong entry is told by its name, with what is allowed."""
    with pytest.raises(ConstantError, match=told):
        Spec.checked(given)


def test_file(tmp_path: Path) -> None:
    """A spec is a TOML file; one that is none, or not there, is told."""
    path = tmp_path / "sweep.toml"
    path.write_text('trials = 3\n[over]\nmodel = ["cnn", "deeper"]\nlearning_rate = "1e-3,1e-2"\n')
    spec = Spec.checked(read_file(path))
    assert (spec.trials, spec.over["learning_rate"]) == (3, Choices((0.001, 0.01)))
    for content in (b"over = [", b"\xff", b"[" * 100_000):
        path.write_bytes(content)
        with pytest.raises(ConstantError, match="is no TOML file"):
            read_file(path)
    with pytest.raises(ConstantError, match="cannot be read: No such file"):
        read_file(tmp_path / "missing.toml")


def summary(*accuracies: float, held_out: int = 0, keep_best: bool = False) -> dict[str, Any]:
    """Return the part of summary.json that goals read."""
    split = "validation" if held_out else "test"
    measured = [{"epoch": i + 1, "plain_accuracy": a, "split": split} for i, a in enumerate(accuracies)]
    return {
        "schema_version": 1,
        "config": {"keep_best": keep_best},
        "dataset": {"validation_images": held_out},
        "timing": {"train_seconds": 2.5},
        "evaluation": {"accuracy": 71.0, "loss": None},
        "evaluations": [*measured, {"epoch": 9, "plain_accuracy": 1.0, "split": "test"}],
    }


def test_goals() -> None:
    """The accuracy is that of held-out images if there are any, the best of them if those weights are kept."""
    assert Goal().value(summary(60.0, 65.0, 64.0)) == 71.0
    assert Goal().value(summary(60.0, 65.0, 64.0, held_out=100)) == 64.0
    assert Goal().value(summary(60.0, 65.0, 64.0, held_out=100, keep_best=True)) == 65.0
    assert epochs(summary(60.0, 65.0, held_out=100)) == [(1, 60.0), (2, 65.0)]
    seconds = Goal.read("timing.train_seconds")
    assert (seconds.maximize, seconds.value(summary()), seconds.told) == (False, 2.5, "minimize timing.train_seconds")
    assert Goal.read("maximize evaluation.accuracy").value(summary()) == 71.0
    assert Goal.read("evaluation.loss").value(summary()) is None
    wrong = Goal.read("evaluation.lose")
    assert wrong.value(summary()) is None
    assert wrong.missing(summary()) == (
        "summary.json has no number evaluation.lose. It has dataset.validation_images, timing.train_seconds,"
        " evaluation.accuracy."
    )
