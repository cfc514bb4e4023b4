"""What the results screen reads from the run's folder, off the event loop."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.record.metrics.calibration import Calibration, calibration
from engine.record.metrics.top import top_accuracy
from engine.record.record import RunRecord


def sureness(folder: Path, record: RunRecord, index: int) -> tuple[Calibration, float]:
    """Return the calibration and the top-2 accuracy in percent of the evaluation number `index`.

    Raises `RunFolderError` if its predictions were not kept or cannot be read.
    """
    from engine.use.results import classified

    found = classified(folder, record, index)
    return calibration(found), top_accuracy(found)


def first_layer(folder: Path, record: RunRecord) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return the filters of the first layer now and at the start, each of shape (n, height, width, 3).

    Raises `RunFolderError` if there is no checkpoint, or if the network has no such filters. Imports torch.
    """
    from engine.use.filters import filters

    found = filters(folder, record)
    return found.now, found.start
