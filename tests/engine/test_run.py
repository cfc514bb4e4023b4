"""One run from constants to its folder: what is left on disk, and what is refused before anything is."""

from __future__ import annotations

import csv
import json
import os
import re
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine import data
from engine.config import TrainingConfig
from engine.data.imageset import ImageSet
from engine.errors import ConstantError, DataError, NoSuchRunError, RunFolderError, Stopped, TrainingError
from engine.record.events import Failed, Finished, Notice
from engine.runs.local import Run
from engine.storage import folder as rundir
from engine.storage.lock import is_live
from tests.images import made_up_images


@pytest.fixture
def config(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> TrainingConfig:
    """Constants of a quick run below `tmp_path`, whose images come from memory."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: made_up_images(160, 40))
    return TrainingConfig(
        data="demo", epochs=2, device="cpu", threads=1, runs_dir=tmp_path / "runs", data_dir=tmp_path, name="first"
    )


def finished(run: Run) -> Run:
    """`run`, once it has ended."""
    run.start()
    assert run.join(60)
    return run


def test_run_leaves_its_folder(config: TrainingConfig) -> None:
    """After a run its folder holds the constants, the journal, every loss, checkpoints, and the bundle to take home."""
    run = finished(Run(config))
    assert run.error is None
    assert sorted(path.name for path in run.folder.iterdir()) == [
        *("checkpoints", "config.json", "events.jsonl", "lock", "loss.csv", "loss.svg"),
        *("losses.f32", "report.md", "summary.json"),
    ]
    losses = np.fromfile(run.folder / "losses.f32", dtype="<f4")
    np.testing.assert_array_equal(losses, run.log.loss_buffer.values())
    assert len(losses) == 10
    with (run.folder / "loss.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert [int(row["iteration"]) for row in rows] == list(range(1, 11))
    assert [int(row["epoch"]) for row in rows] == [1] * 5 + [2] * 5
    np.testing.assert_array_equal(np.array([row["loss"] for row in rows], dtype=np.float32), losses)
    kept = json.loads((run.folder / "config.json").read_text())
    assert TrainingConfig.checked(kept["config"]) == run.config
    assert kept["dataset"]["fingerprint"] == made_up_images(160, 40).fingerprint


def test_summary_is_as_promised(config: TrainingConfig) -> None:
    """summary.json has the promised fields, and its numbers agree with each other."""
    run = finished(Run(config))
    summary: dict[str, Any] = json.loads((run.folder / "summary.json").read_text())
    assert list(summary) == [
        *("schema_version", "name", "status", "config", "dataset", "device", "versions", "parameters"),
        *("iterations", "final_loss", "timing", "evaluation"),
    ]
    assert (summary["schema_version"], summary["name"], summary["status"]) == (1, "first", "completed")
    assert set(summary["config"]) == set(vars(TrainingConfig()))
    assert set(summary["dataset"]) == {"name", "source", "fingerprint", "train_images", "test_images", "classes"}
    assert summary["device"]["kind"] == "cpu"
    assert set(summary["versions"]) >= {"cifar-tui", "python", "torch"}
    assert (summary["parameters"], summary["iterations"]) == (89_834, 10)
    assert summary["final_loss"] == pytest.approx(float(run.log.loss_buffer.values()[-1]))
    timing = summary["timing"]
    assert timing["images_per_second"] == pytest.approx(320 / timing["train_seconds"])
    evaluation = summary["evaluation"]
    matrix = np.array(evaluation["confusion_matrix"])
    assert matrix.sum() == evaluation["total"] == 40
    assert np.trace(matrix) == evaluation["correct"]
    assert evaluation["accuracy"] == pytest.approx(100 * evaluation["correct"] / 40)
    assert [one["correct"] for one in evaluation["per_class"]] == np.diag(matrix).tolist()


def test_run_read_back_is_the_run(config: TrainingConfig) -> None:
    """A run read from disk is the record that was shown live."""
    run = finished(Run(config))
    live, read = run.record(), rundir.read(run.folder)
    assert (read.status, read.lines, read.evaluations, read.started) == (
        live.status,
        live.lines,
        live.evaluations,
        live.started,
    )
    np.testing.assert_array_equal(read.losses, live.losses)
    (entry,) = rundir.list_runs(config.runs_dir)
    assert (entry.name, entry.status, entry.dataset) == ("first", "completed", "made up")
    assert live.evaluation is not None
    assert entry.accuracy == live.evaluation.accuracy


def test_checkpoints_are_tensors_without_pickle(config: TrainingConfig) -> None:
    """The newest two checkpoints stay, each whole: the network, Adam's state, and where the run was."""
    run = finished(Run(config.replaced(epochs=3)))
    folders = sorted((run.folder / "checkpoints").iterdir())
    assert [folder.name for folder in folders] == ["iteration-000000000010", "iteration-000000000015"]
    model = load_file(folders[-1] / "model.safetensors")
    assert sum(tensor.size for tensor in model.values()) == 89_834
    training = load_file(folders[-1] / "training.safetensors")
    assert {name: tensor.size for name, tensor in training.items() if name != "random"} == {
        "optimizer.step": 1,
        "optimizer.exp_avg": 89_834,
        "optimizer.exp_avg_sq": 89_834,
    }
    state = json.loads((folders[-1] / "state.json").read_text())
    assert state["position"] == {"epoch": 3, "batch": 5, "iteration": 15}


def test_name_is_chosen_where_none_is_given(config: TrainingConfig) -> None:
    """A run without a name gets one that no run here has, and its record knows it."""
    run = finished(Run(config.replaced(name="")))
    assert run.folder.name == run.config.name
    started = run.record().started
    assert started is not None
    assert started.name == run.config.name != ""


def test_journal_is_strict_json_a_line(config: TrainingConfig) -> None:
    """Any JSON reader can follow the journal."""
    run = finished(Run(config))
    lines = (run.folder / "events.jsonl").read_text().splitlines()
    events = [json.loads(line, parse_constant=lambda word: pytest.fail(f"{word} is not JSON")) for line in lines]
    assert [event["event"] for event in events][::7] == ["run_started", "finished"]


def test_existing_run_is_never_touched(config: TrainingConfig) -> None:
    """A name that is taken is refused before anything starts, by a folder, a file or a dangling link."""
    finished(Run(config))
    before = (config.runs_dir / "first" / "summary.json").read_bytes()
    (config.runs_dir / "link").symlink_to(config.runs_dir / "nowhere")
    for name in ("first", "link"):
        with pytest.raises(ConstantError, match="exists already"):
            Run(config.replaced(name=name))
    assert (config.runs_dir / "first" / "summary.json").read_bytes() == before


def test_runs_folder_that_cannot_be(config: TrainingConfig, tmp_path: Path) -> None:
    """A runs folder that is a file, or below one, is refused before anything starts."""
    (tmp_path / "file").write_text("")
    for runs_dir in (tmp_path / "file", tmp_path / "file" / "deep"):
        with pytest.raises(ConstantError, match="file is not a folder"):
            Run(config.replaced(runs_dir=runs_dir))


def test_runs_folder_that_is_read_only(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A runs folder that may not be written to is refused before anything starts."""
    config.runs_dir.mkdir()
    config.runs_dir.chmod(stat.S_IRUSR | stat.S_IXUSR)
    if os.geteuid() == 0:  # root may write everywhere: let the system answer as it answers others
        monkeypatch.setattr(os, "access", lambda path, mode: False)
    with pytest.raises(ConstantError, match="cannot be written to"):
        Run(config)


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        (DataError("The host is silent."), "failed", "The host is silent."),
        (ConstantError({"data": "it is empty"}), "failed", "--data: it is empty"),
        (Stopped(), "stopped", None),
        (ZeroDivisionError("bug"), "failed", "Internal error, please report it: ZeroDivisionError: bug"),
    ],
)
def test_no_images_no_folder(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str, told: str | None
) -> None:
    """Where the images cannot be had nothing is written, and the run ends with exactly one reason."""

    def fail(source: str, data_dir: Path, progress: object) -> ImageSet:
        raise error

    monkeypatch.setattr(data, "load", fail)
    run = finished(Run(config))
    assert not config.runs_dir.exists()
    assert run.record().status == status
    closing = [event for event in run.log.events if isinstance(event, Finished | Failed)]
    assert len(closing) == 1
    assert getattr(closing[0], "reason", None) == told


def test_device_is_looked_for_before_the_images(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a download to learn that there is no such GPU."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: pytest.fail("the images were read"))
    run = finished(Run(config.replaced(device="cuda:77")))
    assert isinstance(run.error, ConstantError)
    assert "device" in run.error.problems
    assert not config.runs_dir.exists()


def test_run_that_fails_keeps_what_it_has(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails while it trains still leaves its losses and a summary that says why."""
    monkeypatch.setattr("engine.training.reporter.np.isfinite", lambda losses: losses != losses)
    run = finished(Run(config))
    assert isinstance(run.error, TrainingError)
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert "learning rate" in summary["reason"]
    assert summary["iterations"] == 1
    assert summary["evaluation"] is None
    assert rundir.list_runs(config.runs_dir)[0].status == "failed"


def test_disk_that_fails_does_not_stop_the_training(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be saved any more the run still trains to its end, and says what is missing when it
    happens and again at the end."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(rundir.RunFolder, "losses", full)
    monkeypatch.setattr("engine.storage.checkpoint.write", full)
    run = finished(Run(config))
    record = run.record()
    assert record.status == "completed"
    assert len(record.losses) == 10
    notices = [event.text for event in run.log.events if isinstance(event, Notice)]
    assert notices == [
        "Could not save a checkpoint: No space left on device. Training goes on, and it is tried again.",
        "Could not write the losses: No space left on device. Training goes on, and it is tried again.",
        "At the end it still could not save a checkpoint: No space left on device.",
        "At the end it still could not write the losses: No space left on device.",
    ]


def test_run_that_is_trained_now_is_live(config: TrainingConfig) -> None:
    """A run is live exactly while its process holds it; one that ended without saying so is interrupted."""
    folder = rundir.RunFolder.create(config.runs_dir / "first", config)
    assert is_live(folder.path)
    assert rundir.read(folder.path).status == "preparing"
    folder.close()
    assert not is_live(folder.path)
    assert rundir.read(folder.path).status == "interrupted"


def test_journal_cut_off_in_a_line(config: TrainingConfig) -> None:
    """A journal and losses whose last write was cut off are read up to there."""
    run = finished(Run(config))
    journal, losses = run.folder / "events.jsonl", run.folder / "losses.f32"
    journal.write_bytes(journal.read_bytes()[:-5])
    losses.write_bytes(losses.read_bytes()[:-3])
    record = rundir.read(run.folder)
    assert record.status == "interrupted"
    assert len(record.losses) == 9
    whole = journal.read_bytes()
    huge = re.sub(rb'"batches":\d+', b'"batches":1000000000000000000', whole)
    for damaged in (b"nonsense\n" + whole, b"\xff\n" + whole, huge):
        journal.write_bytes(damaged)
        with pytest.raises(RunFolderError, match="line 1: not an event"):
            rundir.read(run.folder)
        assert rundir.list_runs(config.runs_dir) == ()


def test_finding_a_run(config: TrainingConfig, tmp_path: Path) -> None:
    """RUN is a name, a folder, or nothing for the latest; anything else is answered with the names there are."""
    with pytest.raises(NoSuchRunError, match=r"no run in .* yet"):
        rundir.find(config.runs_dir, None)
    run = finished(Run(config))
    assert rundir.find(config.runs_dir, None) == run.folder
    assert rundir.find(config.runs_dir, "first") == run.folder
    assert rundir.find(tmp_path / "elsewhere", str(run.folder)) == run.folder
    with pytest.raises(NoSuchRunError, match=r"no run second .* There are: first"):
        rundir.find(config.runs_dir, "second")
