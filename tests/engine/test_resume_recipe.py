"""Every part of a recipe goes on where it was interrupted, as if nothing had happened."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from engine import data
from engine.config import TrainingConfig
from engine.control import Leave
from engine.data.imageset import ImageSet
from engine.record.events import EvaluationStarted, Event, Finished, RunResumed
from engine.runs.local import Run
from engine.storage import tail
from engine.training import restore
from tests.images import made_up_images
from tests.interrupted import assert_same_tensors, best_weights, ended, final_state, kept_predictions, left_after, told
from tests.told import Told

EVERYTHING: dict[str, Any] = {
    "data": "demo",
    "device": "cpu",
    "threads": 1,
    "epochs": 6,
    "weight_decay": 0.002,
    "warmup": 0.4,
    "augmentation": "flip-shift-cutout",
    "label_smoothing": 0.1,
    "average": 0.8,
    "test_views": 6,
    "validation": 40,
    "keep_best": True,
    "patience": 2,
}
"""Each part of a recipe. With 120 images there are four iterations an epoch."""

RECIPES: dict[str, dict[str, Any]] = {
    "muon": {"optimizer": "muon", "model": "speedrun", "width": 8, "momentum": 0.6, "learning_rate": 0.1}
    | {"schedule": "linear"},
    "sgd": {"optimizer": "sgd", "model": "batchnorm", "momentum": 0.9, "learning_rate": 0.02, "schedule": "cosine"},
    "adamw": {"optimizer": "adamw", "learning_rate": 0.003, "schedule": "one-cycle"},
    "adam": {"weight_decay": 0.0, "learning_rate": 0.003, "schedule": "linear", "label_smoothing": 0.0},
}
"""The last is trained without autograd."""


def load(source: str, data_dir: Path, progress: object) -> ImageSet:
    return made_up_images(160, 40, noisy=0.6)


def be_quick(patch: pytest.MonkeyPatch) -> None:
    """Take images from memory, and keep a checkpoint after every epoch as a run does whose epochs are long."""
    patch.setattr(data, "load", load)
    patch.setattr(restore, "KEPT_AFTER_EPOCH", 0.0)


def config(name: str, folder: Path, run: str = "first") -> TrainingConfig:
    places = {"runs_dir": folder / "runs", "data_dir": folder, "name": run}
    return TrainingConfig.checked({**EVERYTHING, **RECIPES[name], **places})


@pytest.fixture(autouse=True)
def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    be_quick(monkeypatch)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """The folder of each run, never interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        be_quick(patch)
        runs = {name: ended(Run(config(name, tmp_path_factory.mktemp(name)))) for name in RECIPES}
    assert all(run.error is None for run in runs.values())
    return {name: run.folder for name, run in runs.items()}


def assert_same_run(folder: Path, straight: Path, *, checkpoints_alike: bool = True) -> None:
    """The run in `folder` ended with the very numbers of `straight`: all that it told, and all that it kept.

    Unless `checkpoints_alike`, the last checkpoint of one may belong to the epoch that no longer began.
    """
    np.testing.assert_array_equal(tail.read(folder).losses, tail.read(straight).losses)
    assert told(folder) == told(straight)
    assert kept_predictions(folder) == kept_predictions(straight)
    found, expected = final_state(folder), final_state(straight)
    if not checkpoints_alike:
        del found["random"], expected["random"]  # the state before that epoch
    assert_same_tensors(found, expected)
    (name, best), (expected_name, expected_best) = best_weights(folder), best_weights(straight)
    assert name == expected_name
    assert_same_tensors(best, expected_best)


def test_a_run_with_everything(straight: dict[str, Path]) -> None:
    """The runs that are interrupted here use every part of a recipe, and some of them end by their patience."""
    ended_early = {}
    for name, folder in straight.items():
        record = tail.read(folder)
        state = final_state(folder)
        for part in ("optimizer.", "average.", "best."):
            assert any(key.startswith(part) for key in state)
        assert record.status == "completed"
        assert [done.split for done in record.evaluations] == ["validation"] * len(record.trained) + ["test"]
        assert record.evaluations[-1].views == 6
        ended_early[name] = "reason" in json.loads((folder / "summary.json").read_text())
    assert ended_early == {"muon": True, "sgd": False, "adamw": True, "adam": True}


@pytest.mark.parametrize(
    ("name", "iteration"),
    [*(("muon", iteration) for iteration in range(1, 13)), ("sgd", 6), ("sgd", 8), ("adamw", 7), ("adam", 5)],
)
def test_resumed_run_is_the_uninterrupted_one(
    name: str, iteration: int, straight: dict[str, Path], tmp_path: Path
) -> None:
    """Wherever a run was interrupted, going on gives the same losses, weights, averages, best weights, accuracies and
    training accuracies."""
    left = left_after(Run(config(name, tmp_path)), iteration)
    assert tail.read(left.folder).status == "interrupted"
    again = ended(Run.resume(left.folder))
    assert [event.iteration for event in again.log.events if isinstance(event, RunResumed)] == [iteration]
    assert_same_run(left.folder, straight[name])


@pytest.mark.parametrize("number", [1, 2, -1])
@pytest.mark.parametrize("after_epoch", [0.0, 5.0])
def test_left_while_it_is_evaluated(
    number: int, after_epoch: float, straight: dict[str, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is left in an evaluation makes that evaluation when it is resumed, whichever it is."""
    monkeypatch.setattr(restore, "KEPT_AFTER_EPOCH", after_epoch)
    evaluations = len(tail.read(straight["muon"]).evaluations)
    run, begun = Run(config("muon", tmp_path)), list[Event]()

    def act(said: Event | int) -> None:
        if isinstance(said, EvaluationStarted):
            begun.append(said)
            if len(begun) == number % (evaluations + 1):
                run.ask(Leave())

    run.log = Told(act)
    assert ended(run).record().status == "interrupted"
    ended(Run.resume(run.folder))
    assert_same_run(run.folder, straight["muon"], checkpoints_alike=not after_epoch)


def test_killed_after_every_event(straight: dict[str, Path], tmp_path: Path) -> None:
    """A process that is killed after any event leaves a run that goes on as if it had not been."""
    run, killed = Run(config("muon", tmp_path)), list[Path]()

    def act(said: Event | int) -> None:
        if not isinstance(said, int | Finished):
            killed.append(shutil.copytree(run.folder, tmp_path / "killed" / str(len(killed))))

    run.log = Told(act)
    ended(run)
    assert_same_run(run.folder, straight["muon"])
    assert len(killed) > 10
    for folder in killed:
        assert ended(Run.resume(folder)).error is None
        assert_same_run(folder, straight["muon"])


def test_interrupted_again_and_again(straight: dict[str, Path], tmp_path: Path) -> None:
    """A run can be interrupted any number of times, twice in one epoch too."""
    run = left_after(Run(config("muon", tmp_path)), 2)
    for iteration in (3, 4, 7, 8):
        run = left_after(Run.resume(run.folder), iteration)
    ended(Run.resume(run.folder))
    assert_same_run(run.folder, straight["muon"])
