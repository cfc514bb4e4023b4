"""What it costs a run to keep the predictions of an evaluation, beside the evaluation itself."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from statistics import median

import numpy as np

from engine.bench.claims import Claim
from engine.record.classified import Classified
from engine.record.evaluation import confusion_matrix
from engine.record.events import Evaluated
from engine.storage import predictions

IMAGES, CLASSES = 10_000, 10
"""As CIFAR-10's test images."""

EVALUATIONS = 40
"""So many that older predictions are removed as well."""

MOST = 30.0
"""Milliseconds."""


def keeping(say: Callable[[str], None]) -> tuple[Claim, ...]:
    """Keep predictions after each of many evaluations, in the folder for temporary files."""
    say("keeping predictions")
    random = np.random.default_rng(0)
    rows = random.dirichlet(np.full(CLASSES, 0.2), IMAGES).astype(np.float32)
    labels = random.integers(0, CLASSES, IMAGES)
    found = Classified(tuple(map(str, range(CLASSES))), labels, rows.argmax(axis=1), rows)
    matrix = confusion_matrix(found.labels, found.predicted, CLASSES)
    evaluations: list[Evaluated] = []
    times = []
    with tempfile.TemporaryDirectory(prefix="cifar-tui-bench-") as folder:
        for epoch in range(1, EVALUATIONS + 1):
            began = time.perf_counter()
            kept = predictions.write(Path(folder), evaluations, "test", epoch, found)
            times.append(1000 * (time.perf_counter() - began))
            evaluations.append(
                Evaluated(seconds=0, duration=0, epoch=epoch, iteration=epoch, matrix=matrix, predictions=kept)
            )
    what = f"keeping the predictions of {IMAGES:,} images after an evaluation, fsync included"
    return (Claim(what, "ms", tuple(times), f"at most {MOST:g}", median(times) <= MOST),)
