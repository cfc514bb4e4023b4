"""Every constant is declared once, and every wrong value is refused in words."""

from __future__ import annotations

import importlib
import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from engine.config import CONSTANTS, DATA_SOURCES, PRESETS, TrainingConfig, preset_of
from engine.errors import ConstantError

ANYTHING = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=True, allow_infinity=True),
    st.text(max_size=80),
    st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=3), st.integers(), max_size=2),
)


def test_defaults_are_the_notebooks() -> None:
    """The defaults train what the notebook trains."""
    config = TrainingConfig()
    assert (config.data, config.epochs, config.batch_size, config.learning_rate, config.model) == (
        "cifar10",
        4,
        32,
        0.001,
        "cnn",
    )
    assert config.data_dir == Path("data")
    assert config.runs_dir == Path("runs")


@pytest.mark.parametrize("constant", CONSTANTS, ids=lambda constant: constant.name)
def test_constant_explains_itself(constant: object) -> None:
    """Each constant has a help text, its allowed values, and a group of the form."""
    help_text, allowed, group = (getattr(constant, field) for field in ("help", "allowed", "group"))
    assert help_text.endswith(".")
    assert allowed
    assert group in ("data", "training", "recipe", "machine", "run")


@given(values=st.dictionaries(st.sampled_from([constant.name for constant in CONSTANTS]), ANYTHING))
def test_any_value_is_accepted_or_refused_in_words(values: dict[str, object]) -> None:
    """Any values give either a config that is saved and read back equal, or a reason for each wrong one."""
    config, problems, message = None, {}, ""
    try:
        config = TrainingConfig.checked(values)
    except ConstantError as error:
        problems, message = error.problems, error.message
    if config is None:
        assert problems
        assert set(problems) <= set(values)
        assert all(line.isprintable() for line in message.splitlines())
    else:
        assert TrainingConfig.checked(json.loads(json.dumps(config.as_json()))) == config


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("epochs", "0", "0 is not allowed; it must be a whole number from 1 to 10,000"),
        ("epochs", "4.5", "4.5 is not allowed; it must be a whole number"),
        ("epochs", "many", "many is not allowed; it must be a whole number"),
        ("batch_size", "", "it is empty; it must be a whole number"),
        ("data_dir", "", "it is empty; it must be a folder"),
        ("runs_dir", "  ", "it is empty; it must be a folder"),
        ("data_dir", "a\0b", "is not allowed; it must be a folder"),
        ("seed", "9" * 5_000, "is not allowed; it must be a whole number"),
        ("device", "cuda:²", "auto, cpu, cuda, cuda:N or mps"),
        ("learning_rate", "nan", "nan is not allowed; it must be a number above 0, at most 1"),
        ("learning_rate", "0", "0 is not allowed; it must be a number above 0, at most 1"),
        ("model", "resnet152", "one of cnn, "),
        ("device", "cuda:", "auto, cpu, cuda, cuda:N or mps"),
        ("device", "cpu:1", "auto, cpu, cuda, cuda:N or mps"),
        ("name", "a/b", "without /"),
        ("name", "..", "not starting with ."),
        ("name", "a\x1b[31mb", "printable"),
        ("name", "x" * 65, "at most 64"),
        ("data", " ", "cifar10, demo, or a folder"),
        ("evaluate_each_epoch", "perhaps", "yes or no"),
        ("dropout", "0.9", "there is no such constant; there are data, "),
        ("dropout", None, "there is no such constant; there are data, "),
    ],
)
def test_reason_names_what_was_wrong_and_what_is_allowed(name: str, value: str | None, told: str) -> None:
    """A wrong constant is refused with its name, its value, and the allowed values."""
    with pytest.raises(ConstantError) as caught:
        TrainingConfig.checked({name: value})
    assert list(caught.value.problems) == [name]
    assert told in caught.value.problems[name]
    assert caught.value.message.startswith(f"--{name.replace('_', '-')}: ")


def test_every_problem_is_told_at_once() -> None:
    """Two wrong constants give two reasons at once."""
    with pytest.raises(ConstantError) as caught:
        TrainingConfig.checked({"epochs": "0", "seed": "-1", "batch_size": "8"})
    assert set(caught.value.problems) == {"epochs", "seed"}


@pytest.mark.parametrize("source", [*DATA_SOURCES, "folder"])
def test_sources_are_complete(source: str) -> None:
    """Every source of images that is offered can be looked for and loaded."""
    module = importlib.import_module(f"engine.data.sources.{source}")
    assert callable(module.find)
    assert callable(module.load)


def test_presets_are_allowed() -> None:
    """Each preset is a config that can be started, and leaves machine, name and places alone."""
    for preset in PRESETS:
        assert set(TrainingConfig.checked(preset.constants()).changed()) == set(preset.values)
        assert not {"device", "threads", "data_dir", "runs_dir", "name"} & set(preset.constants())


def test_presets_keep_images_of_ones_own() -> None:
    """Only a preset that is about certain images takes the place of a folder that was chosen."""
    for preset in PRESETS:
        assert preset.constants_for("pictures")["data"] == ("demo" if preset.name == "look" else "pictures")
        assert preset.constants_for("demo") == preset.constants_for("") == preset.constants()
        config = TrainingConfig.checked({**preset.constants_for("pictures"), "threads": 2})
        assert preset_of(config) is preset
