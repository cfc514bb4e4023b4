"""What is said of an evaluation beside its accuracy."""

from __future__ import annotations

from engine.config import TrainingConfig
from engine.control import Control
from engine.export.formats.report_md import report_md
from engine.export.summary import summary
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.training.trainer import train
from tests.images import made_up_images

CONFIG = TrainingConfig(
    epochs=5,
    batch_size=50,
    device="cpu",
    threads=1,
    learning_rate=1e-9,
    augmentation="flip-shift",
    test_views=6,
    validation=50,
    keep_best=True,
    patience=1,
)


def finished() -> RunRecord:
    """A run that never gets better after its first epoch."""
    log = RunLog()
    train(CONFIG, made_up_images(250, 40, classes=2), log, Control())
    record = RunRecord(log)
    record.catch_up()
    return record


def test_a_run_that_ends_early_is_whole() -> None:
    """A run that its patience ended is completed, and nothing looks as if iterations were missing."""
    record = finished()
    assert (record.status, len(record.losses), record.planned) == ("completed", 8, 8)
    content = summary(record)
    assert content["reason"] == "no better accuracy in 1 epoch"
    assert content["dataset"]["validation_images"] == 50
    report = report_md(record)
    assert "Why it ended early: no better accuracy in 1 epoch" in report
    assert "| iterations | 8 of 8 |" in report
    assert "200 training, 50 validation, 40 test" in report


def test_what_an_evaluation_measured() -> None:
    """The last evaluation tells both accuracies, the loss, and how well the training images were recognised then."""
    record = finished()
    first, second, last = record.evaluations
    assert [each.split for each in record.evaluations] == ["validation", "validation", "test"]
    assert (first.views, last.views, last.iteration) == (1, 6, first.iteration)
    one_view, loss, training = record.measures(last)
    assert one_view == f"{last.plain_accuracy:.2f} % with one view"
    assert loss == f"test loss {last.loss:.4f}"
    assert training == f"training accuracy {record.trained[0].accuracy:.2f} %"
    assert record.measures(second)[0].startswith("validation loss")
    line = record.lines[-1]
    assert line.startswith("Test accuracy after epoch 1: ")
    assert f"with 6 views, {one_view}, {loss}" in line
    points = summary(record)["evaluations"]
    assert [point["split"] for point in points] == ["validation", "validation", "test"]
    assert points[2]["plain_accuracy"] == last.plain_accuracy
    assert points[2]["loss"] == last.loss
    assert summary(record)["evaluation"]["views"] == 6


def test_the_best_weights_are_named() -> None:
    """Where the best weights were kept, the report names their epoch, and the record the best measured accuracy."""
    record = finished()
    assert (record.chosen, record.planned_epochs) == ("the best weights of epoch 1", "2")
    assert record.best is record.evaluations[0]
    assert "with 6 views, the best weights of epoch 1, " in report_md(record)
