"""Finished runs on disk, made up within milliseconds: for what compares runs."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from engine.config import TrainingConfig
from engine.record.classified import Classified
from engine.record.event_json import to_json
from engine.record.events import DatasetInfo, EpochStarted, EpochTrained, Evaluated, Event, Finished
from engine.storage import predictions
from tests.classified import evaluated
from tests.records import run_started

CLASSES = ("plane", "car", "bird", "cat")
IMAGES = 400
BATCHES, EPOCHS = 100, 2


def answers(share: float, seed: int = 0) -> Classified:
    """Return what a network made of the same 400 images that recognises about this share of them."""
    labels = np.random.default_rng(0).integers(0, len(CLASSES), IMAGES)
    random = np.random.default_rng(seed + 1)
    right = random.random(IMAGES) < share
    predicted = np.where(right, labels, (labels + random.integers(1, len(CLASSES), IMAGES)) % len(CLASSES))
    shares = np.full((IMAGES, len(CLASSES)), 0.1, np.float32)
    shares[np.arange(IMAGES), predicted] = 0.7
    return Classified(CLASSES, labels.astype(np.int64), predicted.astype(np.int64), shares)


def save_run(
    runs_dir: Path,
    name: str,
    found: Classified | None = None,
    *,
    keeps: bool = True,
    status: str = "completed",
    fingerprint: str = "5a" * 32,
    at: str = "2026-03-14T15:09:26+01:00",
    speed: float = 0.01,
    **constants: object,
) -> Path:
    """Write a run of 200 iterations with the results `found`. Return its folder.

    Without `keeps` the predictions are left out. `status` "interrupted" ends the journal after half of it. An iteration
    takes `speed` seconds. `constants` differ from the notebook's.
    """
    folder = runs_dir / name
    folder.mkdir(parents=True)
    config = TrainingConfig.checked({"epochs": EPOCHS, "name": name, "threads": 1, **constants})
    dataset = DatasetInfo("made up", "here", fingerprint, 3_200, IMAGES, CLASSES)
    started = run_started(
        name=name, at=at, config=config.as_json(), dataset=dataset, batches=BATCHES, epochs=EPOCHS, seconds=1.0
    )
    events: list[Event] = [started]
    done: list[Evaluated] = []
    found = found or answers(0.7, config.seed)
    for epoch in range(1, EPOCHS + 1):
        at_end = 1 + epoch * BATCHES * speed + (epoch - 1)
        iteration = epoch * BATCHES
        events.append(EpochStarted(seconds=at_end - BATCHES * speed, epoch=epoch))
        if status == "interrupted" and epoch == EPOCHS:
            break
        trained: dict[str, Any] = {"seconds": at_end, "epoch": epoch, "iteration": iteration, "total": 3_200}
        events.append(EpochTrained(**trained, correct=1_000 + 400 * epoch))
        here = found if epoch == EPOCHS else answers(float(found.right.mean()) - 0.1, config.seed + 50)
        kept = predictions.write(folder, done, "test", iteration, here) if keeps else None
        done.append(evaluated(here, kept, iteration=iteration, seconds=at_end + 1, epoch=epoch))
        events.append(done[-1])
    if status == "completed":
        events.append(
            Finished(
                seconds=1 + EPOCHS * (BATCHES * speed + 1),
                status="completed",
                iterations=EPOCHS * BATCHES,
                train_seconds=EPOCHS * BATCHES * speed,
                evaluation_seconds=EPOCHS,
            )
        )
    (folder / "events.jsonl").write_bytes(b"".join(to_json(event) + b"\n" for event in events))
    iterations = EPOCHS * BATCHES if status == "completed" else BATCHES + 20
    losses = (
        0.5 + 1.8 * np.exp(-np.arange(iterations) / 40) + 0.1 * np.random.default_rng(config.seed).random(iterations)
    )
    (folder / "losses.f32").write_bytes(losses.astype("<f4").tobytes())
    return folder
