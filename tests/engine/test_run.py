"""One run from constants to its folder: what is left on disk, and what is refused before anything is."""

from __future__ import annotations

import csv
import errno
import json
import os
import re
import stat
import threading
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine import data
from engine.config import TrainingConfig
from engine.control import Leave, Pause, Request, Resume, Stop
from engine.data.imageset import ImageSet
from engine.errors import ConstantError, DataError, NoSuchRunError, RunFolderError, Stopped, TrainingError
from engine.export import bundle
from engine.record.events import Failed, Finished, Notice, Stopping
from engine.record.metrics.calibration import calibration
from engine.runs.local import Run
from engine.storage import listing, predictions, tail
from engine.storage.folder import RunFolder
from engine.storage.lock import is_live
from engine.storage.recorded import Recorded
from tests.images import made_up_images
from tests.networks import diverging


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
        *("losses.f32", "predictions", "report.md", "summary.json"),
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


def test_run_keeps_its_predictions(config: TrainingConfig) -> None:
    """Of each evaluation the run keeps what the network made of every test image: the numbers of its result."""
    run = finished(Run(config))
    record = tail.read(run.folder)
    for index, done in enumerate(record.evaluations):
        found = predictions.read(run.folder, done, record.classes)
        np.testing.assert_array_equal(found.labels, made_up_images(160, 40).test.labels)
        assert np.count_nonzero(found.right) == done.correct
        np.testing.assert_allclose(found.probabilities.sum(axis=1), 1, atol=2e-3)
        assert done.loss is not None
        assert done.calibration_error == pytest.approx(calibration(found).error, abs=0.5)
        assert done.predictions is not None
        np.testing.assert_allclose(found.losses.mean(), done.loss, rtol=2e-3)
        assert done.predictions.file == f"iteration-{5 * (index + 1):012d}.safetensors"


def test_predictions_that_cannot_be_kept(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that takes no predictions costs them alone: the run completes as it would have, and says so."""
    straight = finished(Run(config.replaced(name="straight"))).record()

    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(predictions, "replace_synced", full)
    run = finished(Run(config))
    record = tail.read(run.folder)
    assert (record.status, record.accuracy) == ("completed", straight.accuracy)
    np.testing.assert_array_equal(record.losses, straight.losses)
    assert [done.predictions for done in record.evaluations] == [None, None]
    assert record.notices == [
        "Could not keep the predictions: No space left on device. Training goes on, and it is tried again.",
        "At the end it still could not keep the predictions: No space left on device.",
    ]


def test_summary_is_as_promised(config: TrainingConfig) -> None:
    """summary.json has the promised fields, and its numbers agree with each other."""
    run = finished(Run(config))
    summary: dict[str, Any] = json.loads((run.folder / "summary.json").read_text())
    assert list(summary) == [
        *("schema_version", "name", "status", "started_at", "config", "dataset", "device", "versions", "parameters"),
        *("iterations", "final_loss", "timing", "evaluation", "evaluations", "training_accuracies", "changes"),
    ]
    assert (summary["schema_version"], summary["name"], summary["status"]) == (1, "first", "completed")
    assert set(summary["config"]) == set(vars(TrainingConfig()))
    assert set(summary["dataset"]) == {
        *("name", "source", "fingerprint", "train_images", "validation_images", "test_images", "classes"),
    }
    assert (summary["device"]["kind"], summary["device"]["threads"]) == ("cpu", 1)
    started = run.record().started
    assert started is not None
    assert summary["started_at"] == started.at
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
    for told, done in zip(summary["evaluations"], run.record().evaluations, strict=True):
        assert told.items() >= {
            *(("epoch", done.epoch), ("iteration", done.iteration), ("accuracy", done.accuracy), ("loss", done.loss)),
        }
    assert evaluation.items() >= summary["evaluations"][-1].items()
    assert summary["training_accuracies"] == [
        {"epoch": done.epoch, "iteration": done.iteration, "accuracy": done.accuracy} for done in run.record().trained
    ]
    assert [done["iteration"] for done in summary["evaluations"]] == [5, 10]
    assert [one["correct"] for one in evaluation["per_class"]] == np.diag(matrix).tolist()


def test_run_read_back_is_the_run(config: TrainingConfig) -> None:
    """A run read from disk is the record that was shown live."""
    run = finished(Run(config))
    live, read = run.record(), tail.read(run.folder)
    assert (read.status, read.lines, read.evaluations, read.started) == (
        live.status,
        live.lines,
        live.evaluations,
        live.started,
    )
    np.testing.assert_array_equal(read.losses, live.losses)
    (entry,) = listing.list_runs(config.runs_dir)
    assert (entry.name, entry.status, entry.dataset) == ("first", "completed", "made up")
    assert live.evaluation is not None
    assert entry.accuracy == live.evaluation.accuracy
    assert live.started is not None
    assert (entry.fingerprint, entry.seed) == (live.started.dataset.fingerprint, config.seed)
    assert entry.config == live.started.config


def test_checkpoints_are_tensors_without_pickle(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """The newest two checkpoints stay, each whole: the network, Adam's state, and where the run was."""
    monkeypatch.setattr("engine.training.restore.KEPT_AFTER_EPOCH", 0.0)
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
    assert [event["event"] for event in events][::9] == ["run_started", "finished"]


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
        (Stopped(), "stopped", ""),
        (ZeroDivisionError("bug"), "failed", "Internal error, please report it: ZeroDivisionError: bug"),
    ],
)
def test_no_images_no_folder(
    config: TrainingConfig, monkeypatch: pytest.MonkeyPatch, error: Exception, status: str, told: str
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
    assert closing[0].reason == told


def test_device_is_looked_for_before_the_images(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody waits for a download to learn that there is no such GPU."""
    monkeypatch.setattr(data, "load", lambda source, data_dir, progress: pytest.fail("the images were read"))
    run = finished(Run(config.replaced(device="cuda:77")))
    assert isinstance(run.error, ConstantError)
    assert "device" in run.error.problems
    assert not config.runs_dir.exists()


def test_run_that_fails_keeps_what_it_has(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that fails while it trains still leaves its losses and a summary that says why."""
    monkeypatch.setattr("engine.models.build", diverging(1))
    run = finished(Run(config))
    assert isinstance(run.error, TrainingError)
    summary = json.loads((run.folder / "summary.json").read_text())
    assert summary["status"] == "failed"
    assert "learning rate" in summary["reason"]
    assert summary["iterations"] == 1
    assert summary["evaluation"] is None
    assert listing.list_runs(config.runs_dir)[0].status == "failed"


def test_disk_that_fails_does_not_stop_the_training(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where nothing can be saved any more the run still trains to its end, and says what is missing when it
    happens and again at the end."""

    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(RunFolder, "losses", full)
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
    folder = RunFolder.create(config.runs_dir / "first", Recorded.now(config))
    assert is_live(folder.path)
    assert tail.read(folder.path).status == "preparing"
    folder.close()
    assert not is_live(folder.path)
    assert tail.read(folder.path).status == "interrupted"


def test_journal_cut_off_in_a_line(config: TrainingConfig) -> None:
    """A journal and losses whose last write was cut off are read up to there."""
    run = finished(Run(config))
    journal, losses = run.folder / "events.jsonl", run.folder / "losses.f32"
    journal.write_bytes(journal.read_bytes()[:-5])
    losses.write_bytes(losses.read_bytes()[:-3])
    record = tail.read(run.folder)
    assert record.status == "interrupted"
    assert len(record.losses) == 9
    whole = journal.read_bytes()
    huge = re.sub(rb'"batches":\d+', b'"batches":1000000000000000000', whole)
    unknown = whole.replace(b'"epoch_started"', b'"epoch_sturted"')
    for damaged, line in ((b"nonsense\n" + whole, 1), (b"\xff\n" + whole, 1), (huge, 1), (unknown, 2)):
        journal.write_bytes(damaged)
        with pytest.raises(RunFolderError, match=f"line {line}: not an event") as told:
            tail.read(run.folder)
        (entry,) = listing.list_runs(config.runs_dir)
        assert (entry.name, entry.status, entry.problem) == ("first", "unreadable", told.value.message)
        assert entry.at != ""


def test_finding_a_run(config: TrainingConfig, tmp_path: Path) -> None:
    """RUN is a name, a folder, or nothing for the latest; anything else is answered with the names there are."""
    with pytest.raises(NoSuchRunError, match=r"no run in .* yet"):
        listing.find(config.runs_dir, None)
    run = finished(Run(config))
    assert listing.find(config.runs_dir, None) == run.folder
    assert listing.find(config.runs_dir, "first") == run.folder
    assert listing.find(tmp_path / "elsewhere", str(run.folder)) == run.folder
    with pytest.raises(NoSuchRunError, match=r"no run second .* There are: first"):
        listing.find(config.runs_dir, "second")


# Journals of other versions, and long ones


def rewritten(run: Run, *replacements: tuple[bytes, bytes]) -> Path:
    """The folder of `run`, with its journal changed."""
    journal = run.folder / "events.jsonl"
    content = journal.read_bytes()
    for old, new in replacements:
        assert re.search(old, content)
        content = re.sub(old, new, content)
    journal.write_bytes(content)
    return run.folder


def test_journals_of_the_versions_before(config: TrainingConfig) -> None:
    """A run that the first version recorded and resumed is read, and so is one of the second."""
    run = Run(config)
    ended_at_once = finished(run)
    folder = rewritten(
        ended_at_once,
        (rb'"schema_version":5,', b'"schema_version":2,'),
        (rb',"validation_images":0', b""),
        (rb'\{"event":"epoch_trained".*\n', b""),
        (rb',"split":"test"', b""),
        (
            rb',"views":1,"plain_correct":\d+,"loss":[\d.]+,"calibration_error":[\d.]+,"predictions":(null|\{[^}]*\})',
            b"",
        ),
        (rb',"plain_accuracy":[\d.]+', b""),
        (rb',"reason":""', b""),
    )
    record, live = tail.read(folder), run.record()
    matrices = [done.matrix for done in live.evaluations]
    assert (record.status, record.accuracy, record.trained) == (live.status, live.accuracy, [])
    assert [(done.matrix, done.plain_accuracy, done.loss) for done in record.evaluations] == [
        (done.matrix, done.accuracy, None) for done in live.evaluations
    ]
    assert record.notices == []
    rewritten(
        ended_at_once,
        (rb'"schema_version":2,', b""),
        (rb',"correct":\d+,"total":\d+,"accuracy":[\d.]+', b""),
        (
            rb'(\{"event":"finished")',
            b'{"event":"run_resumed","seconds":1.0,"at":"2026-03-14T15:09:26+01:00","epoch":2,"iteration":9,'
            b'"device":{"kind":"cpu","name":"a processor","threads":1},"versions":{}}\n\\1',
        ),
    )
    record = tail.read(folder)
    assert (record.status, record.accuracy) == (live.status, live.accuracy)
    assert [done.matrix for done in record.evaluations] == matrices
    assert "Resumed after iteration 9, on a processor" in record.lines
    assert record.notices == []


def test_journal_of_a_newer_version(config: TrainingConfig) -> None:
    """A run of a newer version is read as far as possible, and a notice names what is unknown."""
    run = finished(Run(config))
    folder = rewritten(
        run,
        (rb'"schema_version":5,', b'"schema_version":6,"recipe":"muon",'),
        (rb'"learning_rate":', b'"dropout":5,"learning_rate":'),
        (rb'(\{"event":"evaluated")', b'{"event":"rate_changed","to":0.1}\n\\1'),
        (rb'"event":"epoch_started","seconds":[^,]+,"epoch":2', b'"event":"epoch_started","epoch":"second"'),
    )
    record = tail.read(folder)
    assert (record.status, record.accuracy) == ("completed", run.record().accuracy)
    assert [notice.rpartition("does not show ")[2] for notice in record.notices] == [
        *("run_started.recipe.", "the constant dropout.", "rate_changed.", "line 7."),
    ]
    (entry,) = listing.list_runs(config.runs_dir)
    assert (entry.status, entry.accuracy) == ("completed", run.record().accuracy)


def test_constant_that_was_renamed(config: TrainingConfig) -> None:
    """A run with a renamed constant and a model that no longer exists is listed, read and exported."""
    run = finished(Run(config))
    folder = rewritten(run, (rb'"batch_size"', b'"images_a_step"'), (rb'"model":"cnn"', b'"model":"forgotten"'))
    (entry,) = listing.list_runs(config.runs_dir)
    assert (entry.status, entry.model) == ("completed", "forgotten")
    record = tail.read(folder)
    assert ["the constant images_a_step" in notice for notice in record.notices] == [True]
    assert bundle.write_bundle(record, folder.parent / "exported")


def test_long_journal_is_listed_from_its_ends(config: TrainingConfig) -> None:
    """The list of runs skips the middle of a long journal, and shows the same."""
    run = finished(Run(config))
    line = b'{"event":"batch_done","seconds":1.0,"epoch":1,"epochs":2,"batch":1,"batches":5,"loss":1.0}\n'
    rewritten(run, (rb'(\{"event":"evaluation_started")', line * 4_000 + b"\\1"))
    (entry,) = listing.list_runs(config.runs_dir)
    record = tail.read(run.folder)
    assert (entry.status, entry.accuracy, entry.dataset) == ("completed", record.accuracy, "made up")
    journal = run.folder / "events.jsonl"
    whole = journal.read_bytes()
    middle = len(whole) // 4
    journal.write_bytes(whole[:middle] + b"?" + whole[middle + 1 :])
    assert listing.list_runs(config.runs_dir) == (entry,)
    journal.write_bytes(whole.replace(b"run_started", b"run_storted"))
    assert listing.list_runs(config.runs_dir)[0].status == "unreadable"


def test_folder_that_may_not_be_looked_into(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run whose folder may not be read is in the list with the reason, beside the others."""
    finished(Run(config))
    finished(Run(config.replaced(name="second")))
    lstat, opened = os.lstat, os.open

    def allowed(path: Any) -> Any:
        if "second" in str(path):
            raise PermissionError(13, "Permission denied", str(path))
        return path

    monkeypatch.setattr(os, "lstat", lambda path, **options: lstat(allowed(path), **options))
    monkeypatch.setattr(os, "open", lambda path, *options, **more: opened(allowed(path), *options, **more))
    entries = {entry.name: entry for entry in listing.list_runs(config.runs_dir)}
    assert entries["first"].status == "completed"
    assert entries["second"].status == "unreadable"
    assert "Permission denied" in entries["second"].problem


# Requests and what came of them


def test_stop_is_an_event(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each watcher learns from an event that a run stops, and whether it still evaluates."""
    for request, evaluates in ((Stop(), True), (Leave(), False)):
        run = Run(config.replaced(name=type(request).__name__, epochs=1_000))
        take = run.log.losses

        def losses(values: Any, run: Run = run, take: Any = take, request: Request = request) -> None:
            take(values)
            run.ask(request)

        monkeypatch.setattr(run.log, "losses", losses)
        finished(run)
        told = [event.evaluates for event in run.log.events if isinstance(event, Stopping)]
        assert told[:1] == [evaluates]
        record = tail.read(run.folder)
        assert record.stopping is None
        assert [event for event in run.log.events if isinstance(event, Finished)] == [record.closing]


def test_pause_while_the_images_are_read(config: TrainingConfig, monkeypatch: pytest.MonkeyPatch) -> None:
    """A run that is paused while its images are read says so, and its training time does not count the pause."""

    def load(source: str, data_dir: Path, progress: data.Progress) -> ImageSet:
        run.ask(Pause())
        threading.Timer(0.05, lambda: run.ask(Resume())).start()
        progress("reading", 1, 2, "images")
        return made_up_images(160, 40)

    monkeypatch.setattr(data, "load", load)
    run = Run(config)
    finished(run)
    names = [event.event for event in run.log.events]
    assert names[:4] == ["data_progress", "paused", "resumed", "run_started"]
    assert run.record().paused_seconds == 0
    assert tail.read(run.folder).status == "completed"
