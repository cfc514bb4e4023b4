"""The network of a run, opened from its checkpoints: by default with the weights that were or will be evaluated.

torch's global random generator is not touched: a run may train in this process.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal, NamedTuple

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

Weights = Literal["best", "newest"]
"""The weights with the best accuracy while the run trained, or those of the newest checkpoint."""


class Opened(NamedTuple):
    """A run's network."""

    network: nn.Module
    """On the processor, in evaluation mode."""
    weights: Weights
    iteration: int
    """Iterations of the run after which the weights were these."""


_DRAWS = {"uniform_", "normal_", "trunc_normal_"} | {
    f"{kind}_{distribution}_" for kind in ("kaiming", "xavier") for distribution in ("uniform", "normal")
}
"""Functions of torch and of torch.nn.init that draw numbers, and take a generator."""


def trained(folder: Path, record: RunRecord) -> nn.Module:
    """Return the network of the run in `folder`, with the weights that were or will be evaluated; see `opened`."""
    return opened(folder, record).network


def opened(folder: Path, record: RunRecord, weights: Weights | None = None) -> Opened:
    """Return the network of the run in `folder`.

    Its weights are the best if the run has ended and kept them, otherwise the average of the weights or the last ones,
    unless `weights` says which. Raises `RunFolderError` if there are none, or no whole checkpoint.
    """
    model = untrained(folder, record)
    like = model.state_dict()
    best = None if weights == "newest" else _best(folder, record, like, asked=weights == "best")
    iteration, state = best or _newest(folder, like)
    model.load_state_dict(state)
    return Opened(model.eval().requires_grad_(False), "best" if best else "newest", iteration)


def untrained(folder: Path, record: RunRecord) -> nn.Module:
    """Return the network as the run began with it, apart from what was set up from the training images."""
    config = Recorded.read(folder).resolved(folder)
    with _Drawing(config.seed):
        return models.build(config.model, len(record.classes), config.width)


def _best(
    folder: Path, record: RunRecord, like: Mapping[str, Tensor], *, asked: bool
) -> tuple[int, dict[str, Tensor]] | None:
    """Return the iteration and the best weights; None if there are none or the run goes on, unless they are `asked`
    for."""
    best = checkpoint.best(folder / CHECKPOINTS, like) if asked or isinstance(record.closing, Finished) else None
    if asked and not best:
        raise RunFolderError(f"{folder} has no best weights: the run did not keep them (--keep-best). Take the newest.")
    return best


def _newest(folder: Path, like: Mapping[str, Tensor]) -> tuple[int, dict[str, Tensor]]:
    failure = f"{folder} has no whole checkpoint, so its network cannot be opened."
    for kept in checkpoint.whole(folder / CHECKPOINTS):
        try:
            weights = kept.model(like)
            return kept.state.position.iteration, weights | kept.average(like)
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
