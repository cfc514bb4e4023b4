"""Checkpoints: the state of a run between two iterations, on disk. safetensors and JSON, no pickle.

A checkpoint is a folder `iteration-<n>` with `model.safetensors` (the network), `training.safetensors` (optimizer and
random generator), `state.json`, and `manifest.json` with the size and SHA-256 of the others. It is written under a
temporary name, each file with fsync, the manifest last, and then renamed. So a folder with the final name was complete
when it got that name, and a reader checks that it still is.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import pydantic
from pydantic import ConfigDict, Field, TypeAdapter

from engine.errors import RunFolderError
from engine.files import open_regular, read_bounded
from engine.record.events import DatasetInfo, DeviceInfo
from engine.storage.durable import sync_folder, write_synced

if TYPE_CHECKING:
    from torch import Tensor

MODEL, TRAINING, STATE, MANIFEST = "model.safetensors", "training.safetensors", "state.json", "manifest.json"

KEPT = 2
"""Number of checkpoints that stay. Older ones are removed after a newer one is complete."""

_LARGEST_JSON = 1 << 20
_LARGEST_FILE = 1 << 32
"""Bytes. A larger file cannot be ours, and is not even hashed."""
_LARGEST_HEADER = 1 << 20
"""Most bytes of the header of a safetensors file: names, shapes and offsets."""

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
    learning_rate: float
    recognised: int
    """Training images of this epoch that were recognised so far."""
    progress: Progress
    random: Tensor
    """The state of torch's global generator before the epoch's order was drawn, uint8. An epoch draws nothing else, so
    a resumed run draws the same order again."""
    device: DeviceInfo
    train_seconds: float
    evaluation_seconds: float


Save = Callable[[Snapshot], None]
"""Writes a snapshot. Returns when it is on disk, or when writing has failed."""

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
    """The full rate, of which the schedule makes that of an iteration. None in checkpoints of older versions."""
    recognised: _Count = 0
    progress: Progress = Progress()
    journal_bytes: _Count
    """Length of the journal. Everything behind it happened later."""
    origin: Origin


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class _File:
    bytes: Annotated[int, Field(ge=0, le=_LARGEST_FILE)]
    sha256: str


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class _Manifest:
    schema_version: Literal[1]
    files: dict[Literal["model.safetensors", "training.safetensors", "state.json"], _File]


_STATE_JSON, _MANIFEST_JSON = TypeAdapter(State), TypeAdapter(_Manifest)
_PROGRESS_JSON = TypeAdapter(Progress)


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
        learning_rate=snapshot.learning_rate,
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
    _write_folder(final, contents)
    for old in _checkpoints(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def write_best(folder: Path, progress: Progress, weights: Mapping[str, Tensor]) -> Path:
    """Write the best weights below `folder`, remove those that were the best before, and return their path.

    Raises `OSError`; those from before are then unchanged.
    """
    from safetensors.torch import save

    final = folder / f"best-{progress.iteration:012d}"
    if not final.exists():
        folder.mkdir(exist_ok=True)
        contents = {MODEL: save(_plain(weights)), STATE: _PROGRESS_JSON.dump_json(progress, indent=2) + b"\n"}
        _write_folder(final, contents)
    for other in folder.glob("best-*"):
        if other != final:
            shutil.rmtree(other, ignore_errors=True)
    return final


def _write_folder(final: Path, contents: Mapping[str, bytes]) -> None:
    """Write files and their manifest to a folder that gets its name when all of it is on disk. Raises `OSError`."""
    folder = final.parent
    for left_behind in (*folder.glob(".iteration-*"), *folder.glob(".best-*")):
        shutil.rmtree(left_behind, ignore_errors=True)
    temporary = folder / f".{final.name}.{os.getpid()}"
    try:
        temporary.mkdir()
        for name, content in contents.items():
            write_synced(temporary / name, content)
        files = {
            name: {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
            for name, content in contents.items()
        }
        write_synced(temporary / MANIFEST, json.dumps({"schema_version": 1, "files": files}, indent=2).encode() + b"\n")
        sync_folder(temporary)
        temporary.rename(final)
    except BaseException:
        shutil.rmtree(temporary, ignore_errors=True)
        raise
    sync_folder(folder)


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return `tensors` as contiguous copies in main memory, as safetensors needs them."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _checkpoints(folder: Path) -> list[Path]:
    """Return the checkpoints below `folder`, the newest first, complete or not."""
    return sorted((p for p in folder.glob("iteration-*") if _iteration(p) >= 0), key=_iteration, reverse=True)


def _iteration(path: Path) -> int:
    digits = path.name.removeprefix("iteration-")
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

    def training(self, like: Mapping[str, Tensor]) -> tuple[dict[str, Tensor], Tensor]:
        """Return what a snapshot has as `training`, expected to be `like`, and the random generator's state."""
        import torch

        found = self._tensors(TRAINING, {**like, "random": torch.get_rng_state()})
        return found, found.pop("random")

    def _tensors(self, name: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self.path / name
        try:
            # A damaged or foreign file is read no further than the network's size.
            most = sum(tensor.numel() * tensor.element_size() for tensor in like.values()) + _LARGEST_HEADER
            found: dict[str, Tensor] = load(read_bounded(path, most))
        except (OSError, SafetensorError) as error:
            raise RunFolderError(f"{path} cannot be read: {_reason(error)}.") from None
        if {n: (t.shape, t.dtype) for n, t in found.items()} != {n: (t.shape, t.dtype) for n, t in like.items()}:
            raise RunFolderError(f"{path} does not fit the network of this run: another network or version wrote it.")
        return found


def drop_newer(folder: Path, checkpoint: Checkpoint | None) -> None:
    """Remove the incomplete checkpoints newer than `checkpoint`: the resumed run will need their names."""
    for path in _checkpoints(folder):
        if checkpoint is None or _iteration(path) > checkpoint.state.position.iteration:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def whole(folder: Path) -> Iterator[Checkpoint]:
    """Yield the complete checkpoints below `folder`, the newest first. Anything else there is ignored."""
    for path in _checkpoints(folder):
        try:
            manifest = _MANIFEST_JSON.validate_json(read_bounded(path / MANIFEST, _LARGEST_JSON))
            if set(manifest.files) == {MODEL, TRAINING, STATE} and all(
                _matches(path / name, file) for name, file in manifest.files.items()
            ):
                state = _STATE_JSON.validate_json(read_bounded(path / STATE, _LARGEST_JSON))
                if state.position.iteration == _iteration(path):
                    yield Checkpoint(path, state)
        except (OSError, ValueError):
            continue


def _matches(path: Path, expected: _File) -> bool:
    """Return whether the file at `path` has the expected size and SHA-256."""
    with open(open_regular(path), "rb") as file:
        return os.fstat(file.fileno()).st_size == expected.bytes and (
            hashlib.file_digest(file, "sha256").hexdigest() == expected.sha256
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
