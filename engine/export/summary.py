"""The results of a run as plain data: the content of summary.json, and what the report is made from."""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

import numpy as np

from engine.errors import RunFolderError
from engine.record.events import Evaluated
from engine.record.record import RunRecord

SCHEMA_VERSION = 1
"""Changes when a field changes its meaning or goes, not when one is added."""


def summary(record: RunRecord) -> dict[str, Any]:
    """Return the content of summary.json, in types of strict JSON. Raises `RunFolderError` if the run never started."""
    started, closing = record.started, record.closing
    if started is None:
        raise RunFolderError("The run never began to train, so there is nothing to export.")
    # Without a closing event the times go up to the last event.
    iterations = closing.iterations if closing else record.reached[1]
    train_seconds = closing.train_seconds if closing else _train_seconds(record)
    evaluation_seconds = closing.evaluation_seconds if closing else sum(done.duration for done in record.evaluations)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": started.name,
        "status": record.status,
        **({"reason": closing.reason} if closing and closing.reason else {}),
        "started_at": started.at,
        "config": started.config,
        "dataset": {
            "name": started.dataset.name,
            "source": started.dataset.source,
            "fingerprint": started.dataset.fingerprint,
            "train_images": started.dataset.train_images,
            "validation_images": started.validation_images,
            "test_images": started.dataset.test_images,
            "classes": list(started.dataset.classes),
        },
        "device": {
            "kind": started.device.kind,
            "name": started.device.name,
            "threads": started.device.threads,
            **({"sums": started.device.sums} if started.device.sums else {}),
        },
        "versions": started.versions,
        "parameters": started.parameters,
        "iterations": len(record.losses),
        "final_loss": _finite(record.losses[-1]) if len(record.losses) else None,
        "timing": {
            "train_seconds": train_seconds,
            "evaluation_seconds": evaluation_seconds,
            "images_per_second": started.images_in(iterations) / train_seconds if train_seconds else None,
        },
        **_energy(record),
        "evaluation": _evaluation(record),
        "evaluations": [_point(evaluated) for evaluated in record.evaluations],
        "training_accuracies": [
            {"epoch": trained.epoch, "iteration": trained.iteration, "accuracy": trained.accuracy}
            for trained in record.trained
        ],
        "changes": [
            {"iteration": change.iteration, "name": change.name, "from": change.before, "to": change.after}
            for change in record.changes
        ],
        **({"branch_of": asdict(started.branch_of)} if started.branch_of else {}),
    }


def _energy(record: RunRecord) -> dict[str, float]:
    used, per_thousand = record.joules, record.joules_per_thousand
    known = {"energy_joules": used, "joules_per_1000_images": per_thousand}
    return {name: value for name, value in known.items() if value is not None}


def _point(evaluated: Evaluated) -> dict[str, Any]:
    return {
        "epoch": evaluated.epoch,
        "iteration": evaluated.iteration,
        "accuracy": evaluated.accuracy,
        "plain_accuracy": evaluated.plain_accuracy,
        "loss": evaluated.loss,
        "split": evaluated.split,
        "views": evaluated.views,
        **({"asked": True} if evaluated.asked else {}),
    }


def _evaluation(record: RunRecord) -> dict[str, Any] | None:
    """Return the newest evaluation in full."""
    evaluation = record.evaluation
    if evaluation is None:
        return None
    return {
        **_point(record.evaluations[-1]),
        "calibration_error": record.evaluations[-1].calibration_error,
        "correct": evaluation.correct,
        "total": evaluation.total,
        "per_class": [
            {"name": one.name, "accuracy": one.accuracy, "correct": one.correct, "total": one.total}
            for one in evaluation.per_class
        ],
        "confusion_matrix": [list(row) for row in evaluation.matrix],
    }


def _train_seconds(record: RunRecord) -> float:
    """Return the time from the start of the training to the last event, without pauses and evaluations."""
    began = record.started.seconds if record.started else 0.0
    evaluating = sum(done.duration for done in record.evaluations)
    return max(0.0, record.reached[0] - began - record.paused_seconds - evaluating)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
