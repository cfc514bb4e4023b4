"""The best weights of a run: they are its result, and they are on disk."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from safetensors.numpy import load_file
from torch import Tensor, nn

from engine import models
from engine.config import TrainingConfig
from engine.control import Control
from engine.record.events import Event, RunResumed
from engine.record.log import RunLog
from engine.runs.local import Run
from engine.storage import checkpoint
from engine.storage.checkpoint import Progress
from engine.training.best import Best
from engine.training.trainer import train
from tests.images import made_up_images
from tests.interrupted import at, best_weights, ended
from tests.quick import QUICK, accuracy, in_folder, recorded
from tests.told import Told


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a quick run below `tmp_path`, whose images come from memory."""
    return in_folder(tmp_path, monkeypatch)


@pytest.mark.parametrize("validation", [0, 40])
def test_the_best_weights_are_the_result(config: TrainingConfig, validation: int) -> None:
    """A run that keeps the best weights ends with those of the epoch with the best accuracy, on disk as well."""
    config = config.replaced(keep_best=True, epochs=8, validation=validation, learning_rate=0.01)
    run = ended(Run(config))
    record = run.record()
    *measured, last = record.evaluations
    if not validation and last.iteration == max(done.iteration for done in measured):
        measured.append(last)
    best = max(measured, key=lambda done: done.plain_accuracy)
    assert best.iteration < 8 * 5  # there is something to be seen
    assert (last.split, last.iteration, last.epoch) == ("test", best.iteration, best.epoch)
    assert record.status == "completed"
    name, weights = best_weights(run.folder)
    assert name == f"best-{best.iteration:012d}"
    model = models.build("cnn", 10)
    model.load_state_dict({key: torch.from_numpy(tensor) for key, tensor in weights.items()})
    assert accuracy(model) == last.accuracy
    assert any("go by the accuracy on the test images" in notice for notice in record.notices) is not bool(validation)


def test_the_best_weights_of_the_last_epoch() -> None:
    """If the last epoch is the best, it is evaluated once, and its weights are kept."""
    log, kept = RunLog(), list[tuple[int, Mapping[str, Tensor]]]()

    def save_best(progress: Progress, weights: Mapping[str, Tensor]) -> None:
        kept.append((progress.iteration, weights))

    images = made_up_images(160, 200)
    config = QUICK.replaced(keep_best=True, epochs=2)
    trained = train(config, images, log, Control(), save_best=save_best)
    done = recorded(log).evaluations
    assert done[0].accuracy < done[1].accuracy
    assert [each.iteration for each in done] == [5, 10]
    assert kept[-1][0] == 10
    assert all(torch.equal(kept[-1][1][name], tensor) for name, tensor in trained.model.state_dict().items())


def test_only_a_better_accuracy_is_a_gain() -> None:
    """An equal accuracy is no gain, and what was measured first stays the best."""
    best, model = Best(TrainingConfig(keep_best=True, patience=2)), nn.Linear(2, 2)
    found = [best.measured(value, epoch, 5 * epoch, model) for epoch, value in enumerate([10.0, 20.0, 20.0], start=1)]
    assert found == [True, True, False]
    assert best.progress == Progress(20.0, 2, 10, 1)
    assert not best.is_over
    best.measured(19.0, 4, 20, model)
    assert best.is_over
    assert best.measured(21.0, 5, 25, model)
    assert not best.is_over


def weights(value: float) -> dict[str, Tensor]:
    return {"weight": torch.full((3,), value)}


def test_best_weights_are_replaced_whole(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Better weights take the place of the former ones only once they are whole on disk."""
    checkpoint.write_best(tmp_path, Progress(50.0, 1, 5), weights(1))
    assert [path.name for path in tmp_path.iterdir()] == ["best-000000000005"]
    with monkeypatch.context() as patch:
        patch.setattr("engine.storage.whole.write_synced", _full)
        with pytest.raises(OSError, match="No space"):
            checkpoint.write_best(tmp_path, Progress(60.0, 2, 10), weights(2))
    assert [path.name for path in tmp_path.iterdir()] == ["best-000000000005"]
    checkpoint.write_best(tmp_path, Progress(60.0, 2, 10), weights(2))
    assert [path.name for path in tmp_path.iterdir()] == ["best-000000000010"]
    folder = tmp_path / "best-000000000010"
    np.testing.assert_array_equal(load_file(folder / "model.safetensors")["weight"], [2, 2, 2])
    assert json.loads((folder / "state.json").read_text())["best"] == 60.0
    (folder / "model.safetensors").write_bytes(b"damaged")
    checkpoint.write_best(tmp_path, Progress(60.0, 2, 10), weights(3))
    np.testing.assert_array_equal(load_file(folder / "model.safetensors")["weight"], [3, 3, 3])


def _full(*_: Any) -> None:
    raise OSError(28, "No space left on device")


def test_a_full_disk_costs_no_result(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """If the best weights cannot be saved, the run ends with them all the same and says what is missing; they are
    saved at the end if there is room again."""
    config = config.replaced(keep_best=True, validation=40)
    straight = ended(Run(config.replaced(name="straight"))).record()
    write, is_full = checkpoint.write_best, True

    def write_best(*arguments: Any) -> Path:
        if is_full:
            _full()
        return write(*arguments)

    def make_room() -> None:
        nonlocal is_full
        is_full = False

    monkeypatch.setattr(checkpoint, "write_best", write_best)
    run = ended(Run(config))
    assert run.record().evaluations[-1].matrix == straight.evaluations[-1].matrix
    assert run.record().notices[-1] == "At the end it still could not save the best weights: No space left on device."
    assert not list((run.folder / "checkpoints").glob("best-*"))

    again = Run(config.replaced(name="again"))
    at(again, 16, make_room)
    ended(again)
    assert again.record().notices[-1] == "Could save the best weights again."
    assert best_weights(again.folder)[0] == best_weights(config.runs_dir / "straight")[0] < "best-000000000016"


def test_best_weights_of_a_later_time_are_dropped(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that goes back to a checkpoint has, at once, the weights on disk that were the best then."""
    monkeypatch.setattr("engine.training.restore.KEPT_AFTER_EPOCH", 0.0)
    run, killed = Run(config.replaced(keep_best=True, validation=40)), config.runs_dir / "killed"
    at(run, 10, lambda: shutil.copytree(run.folder, killed))
    ended(run)
    name, _ = best_weights(killed)
    assert name == "best-000000000008"
    (killed / "checkpoints" / name).rename(killed / "checkpoints" / "best-000000000009")
    found = list[str]()

    def act(said: Event | int) -> None:
        if isinstance(said, RunResumed):
            found.extend(path.name for path in (killed / "checkpoints").glob("best-*"))

    resumed = Run.resume(killed)
    resumed.log = Told(act)
    ended(resumed)
    assert found == ["best-000000000004"], "the checkpoint was made before the second epoch was measured"
    assert best_weights(killed)[0] == best_weights(run.folder)[0]
