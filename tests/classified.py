"""What networks made of images, made up."""

from __future__ import annotations

import numpy as np

from engine.record.classified import Classified
from engine.record.evaluation import confusion_matrix
from engine.record.events import Evaluated, KeptPredictions, SplitName


def classified(labels: list[int], probabilities: list[list[float]]) -> Classified:
    """Return what a network made of images, from probabilities of shape (n, classes)."""
    rows = np.array(probabilities, np.float32)
    names = tuple(f"class {k}" for k in range(rows.shape[1]))
    return Classified(names, np.array(labels, np.int64), rows.argmax(axis=1), rows)


def made_up(images: int, classes: int, seed: int = 0) -> Classified:
    """Return what a network that is right now and then made of `images`; its probabilities are rounded to float16."""
    random = np.random.default_rng(seed)
    labels = random.integers(0, classes, images)
    logits = random.normal(0, 2, (images, classes))
    logits[np.arange(images), labels] += 1.5
    shares = np.exp(logits)
    shares /= shares.sum(axis=1, keepdims=True)
    names = tuple(f"class {k}" for k in range(classes))
    return Classified(names, labels, shares.argmax(axis=1), shares.astype(np.float16).astype(np.float32))


def evaluated(
    found: Classified,
    kept: KeptPredictions | None = None,
    *,
    iteration: int = 10,
    split: SplitName = "test",
    seconds: float = 2.0,
    epoch: int = 1,
) -> Evaluated:
    """Return the event of the evaluation that found this."""
    return Evaluated(
        seconds=seconds,
        duration=1.0,
        epoch=epoch,
        iteration=iteration,
        matrix=confusion_matrix(found.labels, found.predicted, len(found.classes)),
        split=split,
        predictions=kept,
    )
