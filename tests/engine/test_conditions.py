"""Conditions on runs, as they are typed into a filter or on the command line."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from engine.storage.columns import BY_NAME, COLUMNS, ordered
from engine.storage.conditions import ConditionError, read
from engine.storage.entry import RunEntry
from tests.records import run_started


def run(name: str, **changes: Any) -> RunEntry:
    config = dict(run_started().config) | changes.pop("config", {})
    values: dict[str, Any] = {
        "path": Path("runs") / name,
        "status": "completed",
        "at": "2026-03-14T15:09:26+01:00",
        "dataset": "CIFAR-10",
        "model": str(config["model"]),
        "accuracy": 69.39,
    }
    return RunEntry(name=name, config=config, **{**values, **changes})


RUNS = (
    run("brisk-heron", tags=("good", "baseline"), note="the notebook's own constants"),
    run("calm-tern", accuracy=77.66, config={"model": "batchnorm", "validation": 5_000}),
    run("deft-robin", accuracy=None, status="training", at="2026-03-15T09:00:00+01:00", iterations=50, planned=100),
    run("odd (one)", accuracy=None, status="unreadable", at="", dataset="", model="", config={}, tags=("bad",)),
)


def found(text: str) -> list[str]:
    condition = read(text)
    return [each.name.partition("-")[0] for each in RUNS if condition(each)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("", ["brisk", "calm", "deft", "odd (one)"]),
        ("HERON", ["brisk"]),
        ("notebook", ["brisk"]),
        ('"notebook\'s own"', ["brisk"]),
        ("model=cnn accuracy>69", ["brisk"]),
        ("model = batchnorm", ["calm"]),
        ("accuracy>=69.39", ["brisk", "calm"]),
        ("accuracy=69.39%", ["brisk"]),
        ("accuracy<70 OR validation>0", ["brisk", "calm"]),
        ("accuracy!=69.39", ["calm", "deft", "odd (one)"]),
        ("has:validation", ["calm"]),
        ("has:accuracy", ["brisk", "calm"]),
        ("tag:good", ["brisk"]),
        ("tag:goo", []),
        ("tags!=good", ["calm", "deft", "odd (one)"]),
        ("NOT tag:bad status!=training", ["brisk", "calm"]),
        ("not (heron or tern)", ["deft", "odd (one)"]),
        ("heron OR tern AND model=batchnorm", ["brisk", "calm"]),
        ("(heron OR tern) AND model=batchnorm", ["calm"]),
        ("started>2026-03-14", ["deft"]),
        ("started:2026-03-14", ["brisk", "calm"]),
        ("started<2026-03-14T15:10", ["brisk", "calm"]),
        ("learning-rate=1e-3 live=yes", ["deft"]),
        ("progress=50", ["deft"]),
        ("evaluate_each_epoch=no", []),
        ('name="odd (one)"', ["odd (one)"]),
        ("NOT NOT heron", ["brisk"]),
        ("note:constants", ["brisk"]),
    ],
)
def test_what_conditions_find(text: str, names: list[str]) -> None:
    """Words, comparisons, AND, OR, NOT and parentheses find the runs that they say."""
    assert found(text) == names


@pytest.mark.parametrize(
    ("text", "at", "told"),
    [
        ("acuracy>70", 1, "There is no 'acuracy'. Did you mean accuracy? There are name, status, "),
        ("accuracy>high", 10, "accuracy is a number, which high is not."),
        ("accuracy>", 10, "there is no value after >."),
        ("accuracy:7", 9, "accuracy is a number: = != < > <= >= can stand here."),
        ("model>cnn", 6, "model is no number: = != and : can stand here."),
        ("status=running", 8, "there is no status running; there are preparing, training,"),
        ("started>yesterday", 9, "started is a time, such as 2026-03-14"),
        ("live=perhaps", 6, "live is yes or no."),
        ("(heron", 1, "this ( has no ) behind it."),
        ("heron)", 6, ") cannot stand here; a word, a condition such as accuracy>70, NOT or ( can."),
        ("heron AND", 10, "nothing cannot stand here"),
        ("OR heron", 1, "OR cannot stand here"),
        ("=5", 1, "= cannot stand here"),
        ('name="heron', 6, "there is no value after =."),
        ('x "heron', 3, 'the text after " has no end; put a second " behind it.'),
        ("(" * 60 + "x" + ")" * 60, 41, "at most 40 parentheses and NOTs can be within each other."),
        ("not " * 60 + "x", 161, "at most 40 parentheses and NOTs"),
        ("x" * 1_001, 1_001, "conditions have at most 1,000 characters."),
        ("has:nothing", 5, "There is no 'nothing'."),
        ("accuracy>nan", 10, "accuracy is a number, which nan is not."),
    ],
)
def test_conditions_that_cannot_be_read(text: str, at: int, told: str) -> None:
    """The message says where conditions cannot be read, and what is allowed there."""
    with pytest.raises(ConditionError) as error:
        read(text)
    assert error.value.message.startswith(f"Character {at}: ")
    assert told in error.value.message
    assert len(error.value.message.splitlines()) == 1


PIECES = [
    "(",
    ")",
    '"',
    "=",
    "!=",
    "!",
    "<",
    ">=",
    ":",
    "AND",
    "or",
    "NOT",
    "has:",
    "tag:good",
    "heron",
    "7",
    "é",
    "\x1b[1m",
]
WORDS = st.sampled_from([*PIECES, " ", *BY_NAME])


@given(st.one_of(st.text(max_size=40), st.lists(WORDS, max_size=12).map("".join)))
@example("has:")
@example("!")
def test_anything_can_be_typed(text: str) -> None:
    """Whatever is typed either finds runs or is refused in words: no other error."""
    try:
        condition = read(text)
    except ConditionError as error:
        refused = error
    else:
        assert all(condition(each) in (True, False) for each in RUNS)
        return
    assert 0 <= refused.at <= len(text)
    assert refused.message.isprintable()


def test_sorting_by_any_column() -> None:
    """Runs can be sorted by each column in both directions; where it has no value comes last."""
    for column in COLUMNS:
        for descending in (True, False):
            runs = ordered(RUNS, column, descending=descending)
            values = [column.value(each) for each in runs]
            known = [value for value in values if value not in (None, "", ())]
            assert values[: len(known)] == known
            assert sorted(run.name for run in runs) == sorted(each.name for each in RUNS)
    by_accuracy = ordered(RUNS, BY_NAME["accuracy"], descending=True)
    assert [each.accuracy for each in by_accuracy] == [77.66, 69.39, None, None]
