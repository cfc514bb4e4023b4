"""An interrupted run is resumed as if it had never been interrupted, or says why it cannot be."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path

import numpy as np
import pytest

from engine import data
from engine.config import CONSTANTS, TrainingConfig
from engine.control import Pause, Resume, Stop
from engine.data.imageset import ImageSet
from engine.errors import RunFolderError, TrainingError
from engine.record.events import RunResumed
from engine.runs.local import Run
from engine.storage import tail
from engine.storage.folder import RunFolder
from engine.storage.recorded import Recorded
from engine.training import loop, reporter, restore
from tests.images import made_up_images
from tests.interrupted import assert_same_tensors, at, ended, final_state, kept_predictions, left_after, told

BATCHES = 5
"""Iterations of an epoch of the runs here."""


def quick(folder: Path) -> TrainingConfig:
    """Constants of a quick run of 15 iterations below `folder`."""
    return TrainingConfig(
        data="demo", epochs=3, device="cpu", threads=1, runs_dir=folder / "runs", data_dir=folder, name="first"
    )


def made_up(source: str, data_dir: Path, progress: object) -> ImageSet:
    return made_up_images(160, 40)


def be_quick(patch: pytest.MonkeyPatch) -> None:
    """Take images from memory, and keep a checkpoint after every epoch as a run does whose epochs are long."""
    patch.setattr(data, "load", made_up)
    patch.setattr(restore, "KEPT_AFTER_EPOCH", 0.0)


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a quick run below `tmp_path`."""
    be_quick(monkeypatch)
    return quick(tmp_path)


@pytest.fixture(scope="module")
def straight(tmp_path_factory: pytest.TempPathFactory) -> Run:
    """The same run, never interrupted."""
    with pytest.MonkeyPatch.context() as patch:
        be_quick(patch)
        return ended(Run(quick(tmp_path_factory.mktemp("straight"))))


@pytest.fixture(scope="module")
def left_once(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of the same run, left after iteration 8."""
    with pytest.MonkeyPatch.context() as patch:
        be_quick(patch)
        return left_after(Run(quick(tmp_path_factory.mktemp("left"))), 8).folder


@pytest.fixture
def left(config: TrainingConfig, left_once: Path) -> Path:
    """A copy of that folder, among the runs of `config`."""
    return shutil.copytree(left_once, config.runs_dir / config.name)


def assert_same_run(run: Run, straight: Run) -> None:
    """`run` ended with the very numbers of `straight`, in memory and on disk."""
    assert run.error is None
    for one in (run.record(), tail.read(run.folder)):
        assert one.status == "completed"
        np.testing.assert_array_equal(one.losses, straight.record().losses)
        assert [done.matrix for done in one.evaluations] == [done.matrix for done in straight.record().evaluations]
        assert [done.iteration for done in one.evaluations] == [5, 10, 15]
    assert_same_tensors(final_state(run.folder), final_state(straight.folder))
    assert told(run.folder) == told(straight.folder)
    assert kept_predictions(run.folder) == kept_predictions(straight.folder)


@pytest.mark.parametrize("iteration", [1, 4, 5, 7, 10, 14, 15])
def test_resumed_run_is_the_uninterrupted_one(config: TrainingConfig, straight: Run, iteration: int) -> None:
    """Wherever a run was interrupted, going on gives the same losses, weights, Adam state and accuracies."""
    left = left_after(Run(config), iteration)
    assert tail.read(left.folder).status == "interrupted"
    assert json.loads((left.folder / "summary.json").read_text())["status"] == "interrupted"
    again = ended(Run.resume(left.folder))
    assert_same_run(again, straight)
    assert [event.iteration for event in again.log.events if isinstance(event, RunResumed)] == [iteration]


def test_run_that_is_interrupted_again_and_again(config: TrainingConfig, straight: Run) -> None:
    """A run can be interrupted any number of times."""
    run = left_after(Run(config), 2)
    for iteration in (3, 6, 11):
        run = left_after(Run.resume(run.folder), iteration)
        assert len(run.record().losses) == iteration
    assert_same_run(ended(Run.resume(run.folder)), straight)


def test_stopped_run_can_go_on(config: TrainingConfig, straight: Run) -> None:
    """A run that was stopped and evaluated can be resumed, with the results of a run that was not stopped."""
    run = Run(config)
    at(run, 8, lambda: run.ask(Stop()))
    assert ended(run).record().status == "stopped"
    assert_same_run(ended(Run.resume(run.folder)), straight)


def test_predictions_made_after_the_checkpoint_are_removed(config: TrainingConfig) -> None:
    """A run that goes on has no predictions of an evaluation that its journal no longer has."""
    run = Run(config)
    at(run, 8, lambda: run.ask(Stop()))
    assert list(kept_predictions(ended(run).folder)) == [f"iteration-{n:012d}.safetensors" for n in (5, 8)]
    again, kept = Run.resume(run.folder), list[str]()
    at(again, 9, lambda: kept.extend(kept_predictions(run.folder)))
    ended(again)
    assert kept == ["iteration-000000000005.safetensors"]


def test_what_was_done_after_the_checkpoint_is_done_again(
    config: TrainingConfig, straight: Run, tmp_path: Path
) -> None:
    """A killed process leaves losses and events newer than its checkpoint; they are removed and made again."""
    run = Run(config)
    killed = tmp_path / "runs" / "killed"
    at(run, 13, lambda: shutil.copytree(run.folder, killed))
    ended(run)
    with (killed / "losses.f32").open("ab") as losses, (killed / "events.jsonl").open("ab") as journal:
        losses.write(b"\0\0\x80\x3f" * 3 + b"\0")
        journal.write(b"\0\0\0\n" + b'{"event":"epo')  # as a power cut may leave it
    again = ended(Run.resume(killed))
    assert_same_run(again, straight)
    assert [event.iteration for event in again.log.events if isinstance(event, RunResumed)] == [10]


@pytest.mark.parametrize("name", ["model.safetensors", "training.safetensors", "state.json", "manifest.json"])
@pytest.mark.parametrize("damage", ["flipped", "cut", "gone", "link"])
def test_damaged_checkpoint_is_passed_over(left: Path, straight: Run, name: str, damage: str) -> None:
    """If the newest checkpoint is damaged, the one before it is used, and the newest is made again."""
    file = left / "checkpoints" / "iteration-000000000008" / name
    content = bytearray(file.read_bytes())
    file.unlink()
    if damage == "flipped":
        content[len(content) // 2] ^= 1
        file.write_bytes(content)
    elif damage == "cut":
        file.write_bytes(content[:-9])
    elif damage == "link":
        file.symlink_to("/dev/zero")
    again = ended(Run.resume(left))
    assert_same_run(again, straight)
    assert [event.iteration for event in again.log.events if isinstance(event, RunResumed)] == [5]


def test_leftovers_beside_the_checkpoints_do_no_harm(left: Path, straight: Run) -> None:
    """A half-written checkpoint, a stray file and a folder of another kind are no reason to go back further."""
    checkpoints = left / "checkpoints"
    (checkpoints / ".iteration-000000000009.77").mkdir()
    (checkpoints / ".iteration-000000000009.77" / "model.safetensors").write_bytes(b"half")
    (checkpoints / "iteration-000000000011").mkdir()
    (checkpoints / "iteration-000000000012").write_text("a file")
    (checkpoints / "best").mkdir()
    again = ended(Run.resume(left))
    assert_same_run(again, straight)
    assert [event.iteration for event in again.log.events if isinstance(event, RunResumed)] == [8]
    assert sorted(path.name for path in checkpoints.iterdir()) == [
        *("best", "iteration-000000000010", "iteration-000000000015")
    ]


def test_run_without_any_checkpoint_starts_again(config: TrainingConfig, left: Path, straight: Run) -> None:
    """A run whose process was killed before its first checkpoint is trained from the start."""
    shutil.rmtree(left / "checkpoints")
    assert_same_run(ended(Run.resume(left)), straight)
    RunFolder.create(config.runs_dir / "second", Recorded.now(config)).close()
    assert_same_run(ended(Run.resume(config.runs_dir / "second")), straight)


@pytest.mark.parametrize("source", ["demo", "pictures", "~/pictures"])
def test_run_killed_again_and_again_from_anywhere(
    config: TrainingConfig, straight: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, source: str
) -> None:
    """A run that was killed before its first checkpoint, and then again and again, is resumed from any directory."""
    asked: list[tuple[str, Path]] = []

    def load(source: str, data_dir: Path, progress: object) -> ImageSet:
        asked.append((source, data_dir))
        return made_up_images(160, 40)

    monkeypatch.setattr(data, "load", load)
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path)
    first = config.replaced(data=source, data_dir=Path("data"), runs_dir=Path("runs"))
    folder = tmp_path / "runs" / "first"
    RunFolder.create(folder, Recorded.now(first)).close()  # killed while torch was imported
    for number, (killed_at, directory) in enumerate([(3, "elsewhere"), (8, "."), (12, "runs")]):
        monkeypatch.chdir(tmp_path / directory)
        run = Run.resume(folder)
        killed = tmp_path / f"killed-{number}"
        at(run, killed_at, lambda run=run, killed=killed: shutil.copytree(run.folder, killed))  # type: ignore[misc]
        ended(run)
        folder = killed
        if number == 0:
            shutil.rmtree(folder / "checkpoints")  # it was killed before the first
        kept = json.loads((folder / "config.json").read_text())
        assert (kept["config"], kept["directory"]) == (first.as_json(), str(tmp_path))
        assert run.record().started.config == first.as_json()  # type: ignore[union-attr]
    assert_same_run(ended(Run.resume(folder)), straight)
    places = {"demo": "demo", "pictures": str(tmp_path / "pictures"), "~/pictures": str(Path.home() / "pictures")}
    assert set(asked) == {(places[source], tmp_path / "data")}


def test_absolute_paths_of_an_earlier_version(config: TrainingConfig, left: Path, straight: Run) -> None:
    """A run whose config.json got other paths than its checkpoint, as earlier versions left it, is resumed."""
    path = left / "config.json"
    content = json.loads(path.read_text())
    content["config"] |= {"data_dir": "/another/place", "runs_dir": "/moved", "name": "older"}
    path.write_text(json.dumps(content))
    assert_same_run(ended(Run.resume(left)), straight)


def test_constant_of_another_version(config: TrainingConfig, left: Path) -> None:
    """A run with a constant that this version does not know is not resumed, and the message names the constant."""
    path = left / "config.json"
    path.write_text(path.read_text().replace('"learning_rate"', '"step_size"'))
    with pytest.raises(RunFolderError, match="another version of cifar-tui, which has step_size"):
        Run.resume(left)


def test_interrupted_run_is_never_removed(
    config: TrainingConfig, straight: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that cannot be resumed now, because its training does not begin, is still there to be resumed later."""
    RunFolder.create(config.runs_dir / "first", Recorded.now(config)).close()

    def fail(*_: object, **__: object) -> None:
        raise TrainingError("The GPU is gone.")

    with monkeypatch.context() as patch:
        patch.setattr(loop, "train", fail)
        failed = ended(Run.resume(config.runs_dir / "first"))
    assert failed.error is not None
    assert_same_run(ended(Run.resume(failed.folder)), straight)


def test_checkpoint_whose_losses_are_gone_is_passed_over(left: Path, straight: Run) -> None:
    """A checkpoint is used only if the losses and the journal until then are still on disk."""
    with (left / "losses.f32").open("r+b") as losses:
        losses.truncate(4 * 7)
    assert_same_run(ended(Run.resume(left)), straight)


@pytest.mark.parametrize("names", [("changes",), ("changes", "recognised", "progress", "learning_rate")])
def test_checkpoint_of_an_older_version(left: Path, straight: Run, names: tuple[str, ...]) -> None:
    """A run of an earlier version goes on; before recipes, the training accuracy of its epoch is not told."""
    checkpoint = left / "checkpoints" / "iteration-000000000008"
    state, manifest = (json.loads((checkpoint / name).read_text()) for name in ("state.json", "manifest.json"))
    state["learning_rate"] = 0.001
    for name in names:
        del state[name]
    recorded = json.loads((left / "config.json").read_text())
    for constants in (state["origin"]["config"], recorded["config"]):
        for constant in CONSTANTS:
            if constant.group == "recipe" or constant.name == "width":
                del constants[constant.name]
    (left / "config.json").write_text(json.dumps(recorded))
    content = json.dumps(state).encode()
    manifest["files"]["state.json"] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    (checkpoint / "state.json").write_bytes(content)
    (checkpoint / "manifest.json").write_text(json.dumps(manifest))
    again = ended(Run.resume(left))
    record, expected = again.record(), straight.record()
    np.testing.assert_array_equal(record.losses, expected.losses)
    assert [done.matrix for done in record.evaluations] == [done.matrix for done in expected.evaluations]
    assert [done.epoch for done in record.trained] == ([1, 3] if "recognised" in names else [1, 2, 3])
    assert [event.iteration for event in again.log.events if isinstance(event, RunResumed)] == [8]


def test_pause_keeps_a_checkpoint(config: TrainingConfig) -> None:
    """A paused run has a checkpoint of the very iteration at which it was paused."""
    run = Run(config)
    at(run, 7, lambda: run.ask(Pause()))
    run.start()
    folder = run.folder / "checkpoints" / "iteration-000000000007"
    try:
        while run.record().paused is None:
            assert not run.join(0.01)
        assert (folder / "manifest.json").is_file()
    finally:
        run.ask(Resume())
        assert run.join(60)


def test_changed_constant_is_refused(config: TrainingConfig, left: Path) -> None:
    """A run whose config.json was edited is not resumed; the message names the difference, and nothing is changed."""
    path = left / "config.json"
    path.write_text(path.read_text().replace('"learning_rate": 0.001', '"learning_rate": 0.002'))
    before = contents(left)
    again = ended(Run.resume(left))
    assert isinstance(again.error, RunFolderError)
    assert "learning_rate was 0.001, is 0.002" in again.error.message
    assert contents(left) == before


def test_changed_images_are_refused(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other images than those of the run are refused with the difference, and nothing is changed."""
    before = contents(left)
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(192, 40))
    again = ended(Run.resume(left))
    assert isinstance(again.error, RunFolderError)
    assert "train_images was 160, is 192" in again.error.message
    assert "fingerprint was " in again.error.message
    assert contents(left) == before


@pytest.mark.parametrize("name", ["events.jsonl", "losses.f32", "lock", "config.json"])
def test_fifo_in_the_place_of_a_file(left: Path, name: str) -> None:
    """A FIFO in the place of a file is refused and never waited for."""
    (left / name).unlink()
    os.mkfifo(left / name)
    with pytest.raises(RunFolderError, match="not a regular file"):
        Run.resume(left)


def test_complete_run_is_refused(config: TrainingConfig) -> None:
    """A complete run cannot be resumed."""
    run = ended(Run(config))
    with pytest.raises(RunFolderError, match="is complete"):
        Run.resume(run.folder)


def test_run_of_another_process_is_refused(config: TrainingConfig, left: Path) -> None:
    """Two processes never train one run: the second says which process holds it, and since when."""
    first = Run.resume(left)
    with pytest.raises(RunFolderError, match=r"is being trained by process \d+ on .+ since \d{4}-"):
        Run.resume(left)
    with pytest.raises(RunFolderError, match=r"is being trained by process \d+ on .+ since \d{4}-"):
        Run(config)
    ended(first)


def test_resumed_run_keeps_its_thread_count(config: TrainingConfig) -> None:
    """A run that measured its thread count goes on with that count, since its numbers follow it."""
    left = left_after(Run(config.replaced(threads=0)), 8)
    again = ended(Run.resume(left.folder))
    started, resumed = again.record().started, next(e for e in again.log.events if isinstance(e, RunResumed))
    assert started is not None
    assert resumed.device.threads == started.device.threads
    assert again.config.threads == 0


def test_a_processor_that_sums_in_another_order_is_told(left: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run goes on where sums run in another order, and the record says that its last digits may differ."""
    monkeypatch.setattr(reporter, "order_of_sums", lambda config, device: "from right to left")
    run = ended(Run.resume(left))
    (notice,) = run.record().notices
    assert "last digits may differ" in notice
    assert "Here: from right to left." in notice
    assert run.record().status == "completed"


def test_folder_can_be_moved_and_is_found_from_anywhere(
    left: Path, straight: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An interrupted run goes on from another directory, and under another name if its folder was renamed."""
    moved = left.rename(tmp_path / "moved")
    monkeypatch.chdir("/")
    again = Run.resume(moved)
    assert again.folder == moved
    assert_same_run(ended(again), straight)


def contents(folder: Path) -> dict[str, bytes]:
    """Every file below `folder`, but for the lock, which says who held it last."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "lock"
    }
