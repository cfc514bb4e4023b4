"""Checkpoints: the state of a run between two iterations, on disk. safetensors and JSON, no pickle.

A checkpoint is a folder `iteration-<n>` with `model.safetensors` (the network), `training.safetensors` (optimizer,
average, best weights and random generator) and `state.json`. The best weights so far, if they are to be kept, are also
a folder of their own, `best-<n>`, with `model.safetensors` and `state.json`. Both are written as
`engine.storage.whole` describes.
"""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter

from engine.errors import RunFolderError
from engine.files import read_bounded
from engine.record.changes import Change
from engine.record.events import DatasetInfo, DeviceInfo
from engine.storage import whole as folders

if TYPE_CHECKING:
    import torch
    from torch import Tensor

MODEL, TRAINING, STATE = "model.safetensors", "training.safetensors", "state.json"

KEPT = 2
"""Number of checkpoints that stay. Older ones are removed after a newer one is complete."""

_LARGEST_JSON = 1 << 20
_LARGEST_HEADER = 1 << 20
"""Most bytes of the header of a safetensors file: names, shapes and offsets."""

_MOST_STATES = 6
"""Most bytes of `training.safetensors`, in those of the network: optimizer, average, best weights."""

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Seconds = Annotated[float, Field(ge=0)]


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class Position:
    """How far a run has come."""

    epoch: Annotated[int, Field(ge=1, le=2**62)]
    """The current epoch, from 1."""
    batch: _Count
    """Batches of this epoch that are done."""
    iteration: _Count
    """Iterations of the whole run that are done."""


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class Progress:
    """The best accuracy so far, in percent, of those that were measured while the network trained."""

    best: Annotated[float, Field(ge=0, le=100)] | None = None
    epoch: _Count = 0
    iteration: _Count = 0
    epochs_without_gain: _Count = 0


@dataclass(frozen=True)
class Snapshot:
    """Everything that the next iteration depends on, and the time spent so far. The tensors are not copies."""

    position: Position
    model: Mapping[str, Tensor]
    training: Mapping[str, Tensor]
    """The state of the optimizer, of the average of the weights, and the best weights, where there are any."""
    changes: tuple[Change, ...]
    """Constants that were changed until here, ordered by iteration."""
    recognised: int | None
    """Training images of this epoch that were recognised so far; None if the journal has them, or nobody knows."""
    progress: Progress
    random: Tensor
    """The state of torch's global generator before the epoch's order was drawn, uint8. An epoch draws nothing else, so
    a resumed run draws the same order again."""
    device: DeviceInfo
    train_seconds: float
    evaluation_seconds: float


Save = Callable[[Snapshot], bool | None]
"""Writes a snapshot. Returns when it is on disk, or False when writing has failed."""

SaveBest = Callable[[Progress, Mapping[str, "Tensor"]], None]
"""Writes the best weights so far. Returns when they are on disk, or when writing has failed."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_STRICT)
class Origin:
    """What a checkpoint was trained with. A run resumes only with the same constants and images."""

    config: dict[str, str | int | float | bool]
    dataset: DatasetInfo
    device: DeviceInfo


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_STRICT)
class State:
    """The content of state.json."""

    schema_version: Literal[1] = 1
    position: Position
    seconds: _Seconds
    """Time since the start of the run."""
    train_seconds: _Seconds
    evaluation_seconds: _Seconds
    learning_rate: Annotated[float, Field(ge=0)] | None = None
    """Only in checkpoints of older versions: the rate follows from the constants and their changes."""
    changes: tuple[Change, ...] = ()
    """As in a snapshot."""
    recognised: _Count | None = None
    """None as in a snapshot, and in checkpoints of older versions."""
    progress: Progress = Progress()
    journal_bytes: _Count
    """Length of the journal. Everything behind it happened later."""
    origin: Origin


_STATE_JSON, _PROGRESS_JSON = TypeAdapter(State), TypeAdapter(Progress)


def write(folder: Path, snapshot: Snapshot, origin: Origin, *, seconds: float, journal_bytes: int) -> Path:
    """Write a checkpoint below `folder`, remove all but the newest two, and return its path.

    Raises `OSError`; existing checkpoints are then unchanged.
    """
    from safetensors.torch import save

    final = folder / f"iteration-{snapshot.position.iteration:012d}"
    if final.exists():  # written by this run, or resumed from
        return final
    folder.mkdir(exist_ok=True)
    state = State(
        position=snapshot.position,
        seconds=seconds,
        train_seconds=snapshot.train_seconds,
        evaluation_seconds=snapshot.evaluation_seconds,
        changes=snapshot.changes,
        recognised=snapshot.recognised,
        progress=snapshot.progress,
        journal_bytes=journal_bytes,
        origin=origin,
    )
    contents = {
        MODEL: save(_plain(snapshot.model)),
        TRAINING: save(_plain({**snapshot.training, "random": snapshot.random})),
        STATE: _STATE_JSON.dump_json(state, indent=2) + b"\n",
    }
    folders.write(final, contents)
    for old in _checkpoints(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def write_best(folder: Path, progress: Progress, weights: Mapping[str, Tensor]) -> Path:
    """Write the best weights below `folder`, remove those that were the best before, and return their path.

    Raises `OSError`; those from before are then unchanged.
    """
    from safetensors.torch import save

    final = folder / f"best-{progress.iteration:012d}"
    if not folders.is_whole(final, {MODEL, STATE}):
        folders.remove(final)
        folder.mkdir(exist_ok=True)
        contents = {MODEL: save(_plain(weights)), STATE: _PROGRESS_JSON.dump_json(progress, indent=2) + b"\n"}
        folders.write(final, contents)
    for other in folder.glob("best-*"):
        if other != final:
            shutil.rmtree(other, ignore_errors=True)
    return final


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` as contiguous copies in main memory, as safetensors needs them."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints below `folder`, the newest first, complete or not."""
    return sorted((p for p in folder.glob("iteration-*") if _iteration(p) >= 0), key=_iteration, reverse=True)


def _iteration(path: Path) -> int:
    """Return the iteration in the name of a checkpoint or of the best weights; -1 if there is none."""
    digits = path.name.rpartition("-")[2]
    return int(digits) if digits.isdecimal() and len(digits) < 20 else -1


@dataclass(frozen=True)
class Checkpoint:
    """A complete checkpoint: the files are exactly those that were written."""

    path: Path
    state: State

    def model(self, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the state of the network; `like` has the expected names, shapes and dtypes. Raises `RunFolderError`
        for any other."""
        return self._tensors(MODEL, like)

    def average(self, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return the average of the weights, as far as there is one; `like` is as for `model`. Raises `RunFolderError`
        if it does not fit."""
        path = self.path / TRAINING
        found = _load(path, _MOST_STATES * _bytes(like))
        averages = {f"average.average.{name}": name for name in like}
        average = {averages[name]: tensor for name, tensor in found.items() if name in averages}
        if any(_form(tensor) != _form(like[name]) for name, tensor in average.items()):
            raise _unfit(path)
        return average

    def training(self, like: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return what a snapshot has as `training`, expected to be `like`, and the random generator's state."""
        import torch

        found = self._tensors(TRAINING, {**like, "random": torch.get_rng_state()})
        return found, found.pop("random")

    def fitting(self, like: Mapping[str, Tensor], network: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return what a snapshot has as `training`, as far as it has the names and forms of `like`; `network` is as
        for `model`. Raises `RunFolderError` if the file cannot be read."""
        found = _load(self.path / TRAINING, _MOST_STATES * _bytes(network))
        return {name: found[name] for name in like if name in found and _form(found[name]) == _form(like[name])}

    def _tensors(self, name: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        return _fitting(self.path / name, like)


def best(folder: Path, like: Mapping[str, Tensor]) -> tuple[int, dict[str, Tensor]] | None:
    """Return the iteration and the best weights below `folder`, or None if there are none that are whole; `like` is as
    for `Checkpoint.model`. Raises `RunFolderError` if they do not fit."""
    for path in sorted(folder.glob("best-*"), key=_iteration, reverse=True):
        with suppress(OSError):
            if folders.is_whole(path, {MODEL, STATE}):
                return _iteration(path), _fitting(path / MODEL, like)
    return None


def _fitting(path: Path, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the tensors in `path`. Raises `RunFolderError` if names, shapes or dtypes are not those of `like`."""
    found = _load(path, _bytes(like))
    if {name: _form(tensor) for name, tensor in found.items()} != {
        name: _form(tensor) for name, tensor in like.items()
    }:
        raise _unfit(path)
    return found


def _form(tensor: Tensor) -> tuple[torch.Size, torch.dtype]:
    return tensor.shape, tensor.dtype


def _bytes(tensors: Mapping[str, Tensor]) -> int:
    return sum(tensor.numel() * tensor.element_size() for tensor in tensors.values())


def _load(path: Path, most: int) -> dict[str, Tensor]:
    """Read the tensors in `path`: a damaged or foreign file no further than `most` bytes of them."""
    from safetensors import SafetensorError
    from safetensors.torch import load

    try:
        found: dict[str, Tensor] = load(read_bounded(path, most + _LARGEST_HEADER))
    except (OSError, SafetensorError, KeyError) as error:  # KeyError: a type of numbers that torch does not have
        raise RunFolderError(f"{path} cannot be read: {_reason(error)}.") from None
    return found


def _unfit(path: Path) -> RunFolderError:
    return RunFolderError(f"{path} does not fit the network of this run: another network or version wrote it.")


def drop_newer(folder: Path, checkpoint: Checkpoint | None) -> None:
    """Remove what is newer than `checkpoint`: incomplete checkpoints, whose names the resumed run will need, and best
    weights that it has not reached yet."""
    for path in (*_checkpoints(folder), *folder.glob("best-*")):
        if checkpoint is None or _iteration(path) > checkpoint.state.position.iteration:
            folders.remove(path)


def whole(folder: Path) -> Iterator[Checkpoint]:
    """Yield the complete checkpoints below `folder`, the newest first. Anything else there is ignored."""
    for path in _checkpoints(folder):
        try:
            if folders.is_whole(path, {MODEL, TRAINING, STATE}):
                state = _STATE_JSON.validate_json(read_bounded(path / STATE, _LARGEST_JSON))
                if state.position.iteration == _iteration(path):
                    yield Checkpoint(path, state)
        except (OSError, ValueError):
            continue


def newest(folder: Path) -> int:
    """Return the iteration of the newest checkpoint below `folder`, by its name; -1 if there is none."""
    return next(map(_iteration, _checkpoints(folder)), -1)


def at(path: Path) -> Checkpoint | None:
    """Return the checkpoint in the folder `path`, None if there is none that is complete."""
    return next((found for found in whole(path.parent) if found.path == path), None)


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
