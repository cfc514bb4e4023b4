"""What ends a run before its last epoch, with results: patience, a time limit, a stop."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine.config import TrainingConfig
from engine.control import Stop
from engine.errors import RunFolderError
from engine.record.events import EvaluationStarted, Event, Finished
from engine.runs.local import Run
from engine.storage import tail
from tests.interrupted import at, ended, final_state
from tests.quick import in_folder
from tests.told import Told


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a quick run below `tmp_path`, whose images come from memory."""
    return in_folder(tmp_path, monkeypatch)


def reason_of(run: Run) -> str:
    closing = run.record().closing
    assert isinstance(closing, Finished)
    assert closing.status == "completed"
    assert json.loads((run.folder / "summary.json").read_text())["reason"] == closing.reason
    with pytest.raises(RunFolderError, match="is complete: there is nothing to resume"):
        Run.resume(run.folder)
    return closing.reason


@pytest.mark.parametrize("keep_best", [False, True])
def test_patience_ends_a_run_with_results(config: TrainingConfig, keep_best: bool) -> None:
    """Without a better accuracy for so many epochs the run is complete, with results and a reason."""
    run = ended(Run(config.replaced(patience=2, epochs=30, keep_best=keep_best, validation=40, learning_rate=0.01)))
    assert reason_of(run) == "no better accuracy in 2 epochs"
    record = run.record()
    *measured, last = record.evaluations
    accuracies = [done.accuracy for done in measured]
    assert max(accuracies[:-2]) >= max(accuracies[-2:])
    assert len(measured) == accuracies.index(max(accuracies)) + 3 < 30
    assert (last.split, last.iteration) == ("test", 4 * (len(measured) - 2 if keep_best else len(measured)))
    assert record.notices[-1] == (
        f"The training ends after iteration {4 * len(measured)}: no better accuracy in 2 epochs."
    )
    assert len(record.losses) == 4 * len(measured)
    assert f"iteration-{len(record.losses):012d}" in {path.name for path in (run.folder / "checkpoints").iterdir()}


@pytest.mark.parametrize("iteration", [7, 10])
def test_a_time_limit_ends_a_run_with_results(
    config: TrainingConfig, iteration: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After so many seconds of training and evaluation the run is complete, with results and a reason."""
    now = 0.0
    monkeypatch.setattr(Run, "seconds", lambda run: now)
    run = Run(config.replaced(time_limit=60))

    def pass_time() -> None:
        nonlocal now
        now += 61

    at(run, iteration, pass_time)
    assert reason_of(ended(run)) == "the time limit of 60 s is over"
    record = run.record()
    assert len(record.losses) == iteration
    assert [done.iteration for done in record.evaluations] == [5, iteration]
    assert [done.iteration for done in record.trained] == [5, iteration]
    assert record.notices == [f"The training ends after iteration {iteration}: the time limit of 60 s is over."]


def test_a_run_that_ends_in_time(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that has done all epochs has no other reason to end, however long it took and whatever its patience."""
    now = 0.0
    monkeypatch.setattr(Run, "seconds", lambda run: now)
    run = Run(config.replaced(time_limit=60, patience=4))

    def pass_time() -> None:
        nonlocal now
        now += 61

    at(run, 20, pass_time)
    assert ended(run).record().status == "completed"
    assert "reason" not in json.loads((run.folder / "summary.json").read_text())
    assert not run.record().notices[1:]


def test_a_run_killed_after_its_time_limit(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is killed after its time was over, before its results, is evaluated when it is resumed, and tells
    everything once."""
    now = 0.0
    monkeypatch.setattr(Run, "seconds", lambda run: now)
    run = Run(config.replaced(time_limit=60))

    def pass_time() -> None:
        nonlocal now
        now += 61

    at(run, 7, pass_time)
    killed = run.folder.with_name("killed")
    take = run.log.event

    def event(said: Event) -> None:
        take(said)
        if isinstance(said, EvaluationStarted) and said.iteration == 7:
            shutil.copytree(run.folder, killed)

    run.log.event = event  # type: ignore[assignment, method-assign]
    ended(run)
    again = ended(Run.resume(killed))
    assert reason_of(again) == "the time limit of 60 s is over"
    record, expected = again.record(), run.record()
    np.testing.assert_array_equal(record.losses, expected.losses)
    assert [done.matrix for done in record.evaluations] == [done.matrix for done in expected.evaluations]
    assert [done.correct for done in record.trained] == [done.correct for done in expected.trained]
    assert record.notices == expected.notices


@pytest.mark.parametrize("stops", [1, 2])
@pytest.mark.parametrize("stopped_at", [2, 8, 12])
def test_stop_with_validation_and_best_weights(config: TrainingConfig, stops: int, stopped_at: int) -> None:
    """A stop evaluates the best weights so far on the test images, a second stop leaves that out; both can be
    resumed."""
    config = config.replaced(validation=40, keep_best=True, patience=9)
    run = Run(config)

    def act(said: Event | int) -> None:
        if said == stopped_at or (stops == 2 and isinstance(said, EvaluationStarted) and said.split == "test"):
            run.ask(Stop())

    run.log = Told(act)
    record = ended(run).record()
    assert record.status == "stopped"
    measured = [done for done in record.evaluations if done.split == "validation"]
    tested = [done for done in record.evaluations if done.split == "test"]
    assert [done.iteration for done in measured] == list(range(4, stopped_at, 4))
    best = max(measured, key=lambda done: done.accuracy).iteration if measured else stopped_at
    assert [done.iteration for done in tested] == ([best] if stops == 1 else [])
    straight = ended(Run(config.replaced(name="straight")))
    assert ended(Run.resume(run.folder)).record().status == "completed"
    for name, tensor in final_state(straight.folder).items():
        np.testing.assert_array_equal(final_state(run.folder)[name], tensor, err_msg=name)
    assert [done.matrix for done in tail.read(run.folder).evaluations] == [
        done.matrix for done in straight.record().evaluations
    ]
