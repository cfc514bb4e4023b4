"""Records of made-up runs with realistic numbers, for tests of screens and exports."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.record.evaluation import ConfusionMatrix
from engine.record.events import (
    BatchDone,
    DatasetInfo,
    DeviceInfo,
    EpochStarted,
    Evaluated,
    EvaluationStarted,
    Failed,
    Finished,
    RunStarted,
)
from engine.record.log import RunLog
from engine.record.record import RunRecord

CLASSES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")

NOTEBOOK_MATRIX: ConfusionMatrix = (
    (745, 28, 41, 17, 22, 6, 9, 14, 84, 34),
    (19, 813, 3, 9, 3, 5, 8, 4, 42, 94),
    (94, 11, 418, 85, 121, 108, 86, 51, 17, 9),
    (25, 12, 39, 521, 58, 213, 67, 38, 15, 12),
    (23, 4, 51, 61, 640, 51, 68, 87, 11, 4),
    (13, 6, 36, 176, 49, 602, 29, 74, 8, 7),
    (7, 9, 34, 65, 37, 22, 812, 6, 5, 3),
    (17, 5, 25, 48, 72, 90, 8, 720, 4, 11),
    (46, 23, 7, 8, 4, 2, 3, 3, 894, 10),
    (39, 107, 5, 16, 4, 6, 9, 14, 26, 774),
)
"""6,939 of 10,000 right, as in the notebook: ship 89.4 %, bird 41.8 %."""

SECONDS_PER_ITERATION = 0.005
SECONDS_PER_EVALUATION = 0.9


def run_started(**changes: Any) -> RunStarted:
    """Return the first event of a run with the notebook's constants. `changes` are its fields, and `classes`."""
    classes = tuple(changes.pop("classes", CLASSES))
    config = TrainingConfig(name="brisk-heron", threads=2).as_json()
    values: dict[str, Any] = {
        "seconds": 3.0,
        "at": "2026-03-14T15:09:26+01:00",
        "name": "brisk-heron",
        "config": config,
        "dataset": DatasetInfo("CIFAR-10", "data/cifar-10-batches-py", "5a" * 32, 50_000, 10_000, classes),
        "device": DeviceInfo("cpu", "AMD EPYC 7763 64-Core Processor", 2),
        "versions": {"cifar-tui": "0.1.0", "python": "3.11.9", "torch": "2.11.0"},
        "parameters": 89_834,
        "batches": 1_563,
        "epochs": 4,
    }
    return RunStarted(**{**values, **changes})


def made_up_losses(count: int) -> NDArray[np.float32]:
    """Return losses that fall like those of a classifier, shape (count,)."""
    iteration = np.arange(count)
    trend = 0.72 + 0.85 * np.exp(-iteration / 1_500) + 0.75 * np.exp(-iteration / 120)
    noise = np.random.default_rng(3).gamma(40, 1 / 40, count)
    return (trend * noise).astype(np.float32)


def made_up_matrix(classes: int, accuracy: float, images_a_class: int = 1_000) -> ConfusionMatrix:
    """Return a confusion matrix with about this accuracy (0 to 1); classes differ in it, as real ones do."""
    if classes == 10 and accuracy == 0.6939 and images_a_class == 1_000:
        return NOTEBOOK_MATRIX
    generator = np.random.default_rng(classes)
    differences = generator.normal(0, 0.12, classes)
    differences -= differences.mean()
    rows = []
    for i in range(classes):
        right = np.clip(accuracy + differences[i], 0.05, 0.98)
        shares = generator.dirichlet(np.full(classes, 0.4))
        shares[i] = 0
        shares *= (1 - right) / shares.sum()
        shares[i] = right
        rows.append(tuple(generator.multinomial(images_a_class, shares / shares.sum()).tolist()))
    return tuple(rows)


def live_log(iterations: int = 3_000, *, evaluations: bool = True, **changes: Any) -> RunLog:
    """Return the log of a run after so many iterations. `changes` are fields of `RunStarted`, and `classes`."""
    started = run_started(**changes)
    classes = len(started.dataset.classes)
    losses = made_up_losses(started.iterations)[:iterations]
    log, seconds = RunLog(), started.seconds
    log.event(started)
    for epoch in range(1, started.epochs + 1):
        before = (epoch - 1) * started.batches
        if before >= iterations:
            break
        log.event(EpochStarted(seconds=seconds, epoch=epoch))
        here = losses[before : before + started.batches]
        log.losses(here)
        for batch in range(500, len(here) + 1, 500):
            log.event(
                BatchDone(
                    seconds=seconds + batch * SECONDS_PER_ITERATION,
                    epoch=epoch,
                    epochs=started.epochs,
                    batch=batch,
                    batches=started.batches,
                    loss=float(here[batch - 1]),
                )
            )
        seconds += len(here) * SECONDS_PER_ITERATION
        if evaluations and len(here) == started.batches:
            after, images = before + len(here), started.dataset.test_images
            log.event(EvaluationStarted(seconds=seconds, epoch=epoch, iteration=after, images=images))
            seconds += SECONDS_PER_EVALUATION
            accuracy = 0.6939 if epoch == started.epochs else 0.6939 - 0.13 / epoch
            log.event(
                Evaluated(
                    seconds=seconds,
                    duration=SECONDS_PER_EVALUATION,
                    epoch=epoch,
                    iteration=after,
                    matrix=made_up_matrix(classes, accuracy, images // classes),
                )
            )
    return log


def live_record(iterations: int = 3_000, **changes: Any) -> RunRecord:
    """Return the record of a run that still trains; `changes` as for `live_log`."""
    record = RunRecord(live_log(iterations, **changes))
    record.catch_up()
    return record


def finished_record(**changes: Any) -> RunRecord:
    """Return a completed run: ten classes, 6,252 losses, 4 evaluations. `changes` as for `live_log`."""
    started = run_started(**{name: value for name, value in changes.items() if name != "evaluations"})
    log = live_log(started.iterations, **changes)
    evaluation_seconds = sum(event.duration for event in log.events if isinstance(event, Evaluated))
    train_seconds = started.iterations * SECONDS_PER_ITERATION
    log.event(
        Finished(
            seconds=started.seconds + train_seconds + evaluation_seconds,
            status="completed",
            iterations=started.iterations,
            train_seconds=train_seconds,
            evaluation_seconds=evaluation_seconds,
        )
    )
    record = RunRecord(log)
    record.catch_up()
    return record


def failed_record(reason: str, iterations: int = 700, **changes: Any) -> RunRecord:
    """Return a run that failed after so many iterations."""
    record = live_record(iterations, **changes)
    train_seconds = iterations * SECONDS_PER_ITERATION
    record.apply(Failed(seconds=3 + train_seconds, reason=reason, iterations=iterations, train_seconds=train_seconds))
    return record


def interrupted_record(iterations: int = 3_000, **changes: Any) -> RunRecord:
    """Return a run whose process was killed."""
    log = live_log(iterations, **changes)
    log.interrupted = True
    record = RunRecord(log)
    record.catch_up()
    return record


def demo_dataset(classes: tuple[str, ...] = CLASSES) -> DatasetInfo:
    """Return the demo set as a record describes it."""
    note = "The demo set is drawn by the program: its numbers say nothing about CIFAR-10."
    return replace(
        run_started(classes=classes).dataset,
        name="demo set",
        source="drawn by the program",
        train_images=10_000,
        test_images=2_000,
        notes=(note,),
    )
