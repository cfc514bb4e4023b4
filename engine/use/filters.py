"""What the first layer of a network looks for: its filters as patches of colour."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from engine.errors import RunFolderError
from engine.record.record import RunRecord
from engine.use.trained import trained, untrained


@dataclass(frozen=True, eq=False)
class Filters:
    """The weights of the first convolution, one filter each: n of them, of red, green and blue."""

    now: NDArray[np.float32]
    """In the newest checkpoint, shape (n, height, width, 3)."""
    start: NDArray[np.float32]
    """Before the first iteration, of the same shape."""

    @property
    def change(self) -> float:
        """How far the filters have moved, in parts of their length at the start: 0 if they do not learn."""
        return float(np.linalg.norm(self.now - self.start) / max(float(np.linalg.norm(self.start)), 1e-12))


def filters(folder: Path, record: RunRecord) -> Filters:
    """Return the filters of the first layer of the run in `folder`.

    Raises `RunFolderError` if no whole checkpoint is there.
    """
    now, start = (dict(opened(folder, record).named_parameters()) for opened in (trained, untrained))
    for name, weight in now.items():
        if weight.ndim == 4 and weight.shape[1] == 3:
            # A layer that does not learn was made from the training images, before the first iteration.
            return Filters(_as_images(weight), _as_images(start[name] if start[name].requires_grad else weight))
    raise RunFolderError("The network of this run has no filters that see colours.")


def _as_images(weight: Tensor) -> NDArray[np.float32]:
    """Return filters (n, 3, height, width) with the channels last."""
    images: NDArray[np.float32] = weight.detach().permute(0, 2, 3, 1).float().contiguous().numpy()
    return images
