"""A run that begins with the weights of another one: a branch."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine import data
from engine.config import TrainingConfig
from engine.control import Leave, Pause, Resume
from engine.errors import ConstantError, RunFolderError
from engine.export.summary import summary
from engine.preflight import preflight
from engine.record.events import BranchOf
from engine.runs.local import Run
from engine.runs.rate_search import RateSearch
from engine.storage import origin, tail
from engine.training import restore
from tests.images import made_up_images
from tests.interrupted import assert_same_tensors, at, ended, final_state, left_after


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a quick run of 10 iterations below `tmp_path`, with a checkpoint after every epoch."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40, noisy=0.3))
    monkeypatch.setattr(restore, "KEPT_AFTER_EPOCH", 0.0)
    return TrainingConfig(
        data="demo", epochs=2, device="cpu", threads=1, runs_dir=tmp_path / "runs", data_dir=tmp_path, name="branch"
    )


@pytest.fixture
def parent(config: TrainingConfig) -> Path:
    """The folder of a run that was left after iteration 8."""
    return left_after(Run(config.replaced(name="parent", epochs=3)), 8).folder


def branch_of(run: Run) -> BranchOf | None:
    started = run.record().started
    assert started is not None
    return started.branch_of


@pytest.mark.parametrize("words", ["parent", "{runs}/parent", "{runs}/parent/checkpoints/iteration-000000000008"])
def test_a_branch_begins_where_the_other_run_is(config: TrainingConfig, parent: Path, words: str) -> None:
    """The weights and the optimizer are those of the checkpoint that was named, as record, summary and log tell."""
    run = Run(config.replaced(start_from=words.format(runs=config.runs_dir), learning_rate=0.003))
    at(run, 1, partial(run.ask, Leave()))
    ended(run)
    assert branch_of(run) == BranchOf("parent", 8, True)
    record = tail.read(run.folder)
    assert "Begins with the weights of parent after iteration 8" in record.lines
    assert summary(record)["branch_of"] == {"name": "parent", "iteration": 8, "optimizer": True}
    first, theirs = (
        load_file(min(each.glob("iteration-*")) / "model.safetensors")
        for each in (run.folder / "checkpoints", run.folder / "origin")
    )
    assert_same_tensors(first, load_file(parent / "checkpoints/iteration-000000000008/model.safetensors"))
    assert_same_tensors(theirs, first)
    before = load_file(parent / "checkpoints/iteration-000000000008/training.safetensors")
    after = load_file(min((run.folder / "checkpoints").glob("iteration-*")) / "training.safetensors")
    assert before.keys() == after.keys()
    for name in before.keys() - {"random"}:
        np.testing.assert_array_equal(before[name], after[name])


def test_a_branch_goes_on_without_the_other_run(config: TrainingConfig, parent: Path) -> None:
    """An interrupted branch, even without a checkpoint, ends as one that was not interrupted, with its parent gone."""
    straight = ended(Run(config.replaced(start_from="parent", name="straight")))
    early, late = (Run(config.replaced(start_from="parent", name=name)) for name in ("early", "late"))
    left_after(early, 3)
    left_after(late, 7)
    shutil.rmtree(early.folder / "checkpoints")
    shutil.rmtree(parent)
    for run in (early, late):
        again = ended(Run.resume(run.folder))
        assert again.error is None
        np.testing.assert_array_equal(again.record().losses, straight.record().losses)
        assert_same_tensors(final_state(again.folder), final_state(straight.folder))
        assert branch_of(again) == BranchOf("parent", 8, True)


@pytest.mark.parametrize(
    ("theirs", "ours", "optimizer"),
    [
        ({}, {"optimizer": "sgd", "momentum": 0.9}, False),
        ({"optimizer": "sgd", "momentum": 0.9}, {}, False),
        ({}, {"optimizer": "adamw"}, True),
        ({"keep_best": True}, {}, True),
        ({}, {"average": 0.9}, True),
        ({"average": 0.9}, {}, True),
        ({"average": 0.9}, {"average": 0.99}, True),
        ({"model": "batchnorm"}, {"model": "batchnorm", "batch_size": 40, "schedule": "linear"}, True),
    ],
)
def test_a_branch_with_another_recipe(
    config: TrainingConfig, theirs: dict[str, Any], ours: dict[str, Any], optimizer: bool
) -> None:
    """What fits another recipe is taken, and the rest begins anew: an average from the weights of the other run."""
    parent = ended(Run(config.replaced(name="parent", **theirs)))
    run = ended(Run(config.replaced(start_from="parent", **ours)))
    assert run.record().status == "completed"
    assert branch_of(run) == BranchOf("parent", 10, optimizer)
    weights = load_file(run.folder / "origin/iteration-000000000010/model.safetensors")
    assert_same_tensors(weights, {k: v for k, v in final_state(parent.folder).items() if k in weights})
    told = "Begins with the weights of parent after iteration 10" + ", without its optimizer" * (not optimizer)
    assert told in run.record().lines


def test_a_new_average_begins_with_the_weights_taken(config: TrainingConfig, parent: Path) -> None:
    """An average that the other run did not have holds its weights, not random ones."""
    run = Run(config.replaced(start_from="parent", average=0.99))
    at(run, 1, partial(run.ask, Leave()))
    ended(run)
    first = min((run.folder / "checkpoints").glob("iteration-*"))
    averages = load_file(first / "training.safetensors")
    for name, tensor in load_file(first / "model.safetensors").items():
        np.testing.assert_array_equal(averages[f"average.average.{name}"], tensor)


def test_validation_images_that_were_trained_on(config: TrainingConfig, parent: Path) -> None:
    """If the other run may have trained on the images that are held out now, that is told."""
    run = ended(Run(config.replaced(start_from="parent", validation=20)))
    assert any("trained before on images that are held out here" in notice for notice in run.record().notices)
    same = ended(Run(config.replaced(start_from="branch", validation=20, name="same")))
    assert same.record().notices == []


def test_where_there_is_nothing_to_begin_with(config: TrainingConfig, parent: Path) -> None:
    """A run that is not there, one without a checkpoint, and another network are refused before the start."""
    for words in ("gone", str(config.data_dir), "\x1b[31m"):
        with pytest.raises(ConstantError, match="neither a run with a checkpoint nor a checkpoint"):
            Run(config.replaced(start_from=words))
    with pytest.raises(ConstantError, match="the weights to start from have model cnn, not batchnorm"):
        Run(config.replaced(start_from="parent", model="batchnorm"))
    checks = preflight(config.replaced(start_from="gone", data="demo"))
    assert "neither a run" in checks.problems["start_from"]
    (line,) = [
        check.lines[0] for check in preflight(config.replaced(start_from="parent")).checks if check.subject == "run"
    ]
    assert line == "branch of parent after iteration 8"
    for file in parent.glob("checkpoints/*/model.safetensors"):
        file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(ConstantError, match="neither a run with a checkpoint nor a checkpoint"):
        Run(config.replaced(start_from="parent"))
    assert not (config.runs_dir / "branch").exists()


def test_the_rate_finder_begins_there_too(config: TrainingConfig, parent: Path) -> None:
    """The rate is looked for from the weights that the run would begin with."""
    random, taken = (RateSearch(config.replaced(start_from=words)).start() for words in ("", "parent"))
    for search in (random, taken):
        assert search.join(60)
        assert search.error is None
    assert random.curve.losses[0] != taken.curve.losses[0]
    run = Run(config.replaced(start_from="parent"))
    at(run, 1, partial(run.ask, Leave()))
    assert ended(run).record().losses[0] == taken.curve.losses[0]


def test_other_images(config: TrainingConfig, parent: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Images of another number of classes cannot be learnt with these weights; the run says so."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40, classes=3))
    run = ended(Run(config.replaced(start_from="parent")))
    assert isinstance(run.error, RunFolderError)
    assert "does not fit the network of this run" in run.error.message


def test_a_damaged_copy(config: TrainingConfig, parent: Path) -> None:
    """A branch without a checkpoint whose copy is damaged is not started with random weights instead."""
    left = left_after(Run(config.replaced(start_from="parent")), 3)
    shutil.rmtree(left.folder / "checkpoints")
    next(left.folder.glob("origin/*/model.safetensors")).write_bytes(b"")
    again = ended(Run.resume(left.folder))
    assert isinstance(again.error, RunFolderError)
    assert "the weights that this run began with cannot be read" in again.error.message


def test_a_checkpoint_is_held_while_the_run_goes_on(config: TrainingConfig) -> None:
    """A branch begins with the weights that were there when it was asked for, however far the other run has come."""
    run = Run(config.replaced(name="parent", epochs=4))
    at(run, 7, partial(run.ask, Pause()))
    run.start()
    while run.record().paused is None:
        assert not run.join(0.01)
    held = origin.hold(run.folder)
    assert origin.hold(run.folder).path == held.path
    run.ask(Resume())
    assert run.join(60)
    assert not (run.folder / "checkpoints" / held.path.name).exists()
    branch = ended(Run(config.replaced(start_from=str(held.path))))
    assert branch_of(branch) == BranchOf("parent", 7, True)
    (config.runs_dir / "empty").mkdir()
    with pytest.raises(RunFolderError, match="empty has no checkpoint to branch from yet"):
        origin.hold(config.runs_dir / "empty")


def test_other_runs_say_nothing_of_a_branch(config: TrainingConfig) -> None:
    """A run that began with random weights has no copy, and its summary says nothing."""
    run = ended(Run(config))
    assert branch_of(run) is None
    assert "branch_of" not in json.loads((run.folder / "summary.json").read_text())
    assert not (run.folder / "origin").exists()
