"""The network of a run, opened from its newest checkpoint, with the weights that were or will be evaluated.

torch's global random generator is not touched: a run may train in this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

from engine import models
from engine.errors import RunFolderError
from engine.record.events import Finished
from engine.record.record import RunRecord
from engine.storage import checkpoint
from engine.storage.layout import CHECKPOINTS
from engine.storage.recorded import Recorded

_DRAWS = {"uniform_", "normal_", "trunc_normal_"} | {
    f"{kind}_{distribution}_" for kind in ("kaiming", "xavier") for distribution in ("uniform", "normal")
}
"""Functions of torch and of torch.nn.init that draw numbers, and take a generator."""


def trained(folder: Path, record: RunRecord) -> nn.Module:
    """Return the network of the run in `folder`, on the processor, in evaluation mode.

    It has the best weights if the run has ended and kept them, otherwise the average of its weights or the last ones.
    Raises `RunFolderError` if no whole checkpoint is there.
    """
    model = untrained(folder, record)
    model.load_state_dict(_weights(folder, record, model.state_dict()))
    return model.eval().requires_grad_(False)


def untrained(folder: Path, record: RunRecord) -> nn.Module:
    """Return the network as the run began with it, apart from what was set up from the training images."""
    config = Recorded.read(folder).resolved(folder)
    with _Drawing(config.seed):
        return models.build(config.model, len(record.classes), config.width)


def _weights(folder: Path, record: RunRecord, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    if isinstance(record.closing, Finished) and (best := checkpoint.best(folder / CHECKPOINTS, like)):
        return best
    failure = f"{folder} has no whole checkpoint, so its network cannot be opened."
    for kept in checkpoint.whole(folder / CHECKPOINTS):
        try:
            weights = kept.model(like)
            return weights | kept.average(like)
        except RunFolderError as error:  # a live run may have removed it meanwhile
            failure = error.message
    raise RunFolderError(failure)


class _Drawing(TorchFunctionMode):
    """In this thread weights are drawn from a generator of their own, and are those of `torch.manual_seed(seed)`."""

    def __init__(self, seed: int) -> None:
        super().__init__()
        self._generator = torch.Generator().manual_seed(seed)

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if getattr(func, "__name__", "") in _DRAWS:
            kwargs = {**kwargs, "generator": self._generator}
        return func(*args, **kwargs)
