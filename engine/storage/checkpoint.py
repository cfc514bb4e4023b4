"""The state of a run between two iterations, on disk: safetensors for the tensors, JSON for the rest, no pickle.

A checkpoint is a folder `iteration-<n>` with `model.safetensors` (the network's state), `training.safetensors` (what
the optimizer remembers, and the random generator), `state.json` and `manifest.json`, which holds the size and SHA-256
of the others. It is written under a temporary name, file by file through to the disk, the manifest last, and then
renamed: whatever stands under the final name was whole when it came there, and a reader checks that it still is.
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
"""Checkpoints that stay; an older one goes when a newer one is whole."""

_LARGEST_JSON = 1 << 20
_LARGEST_FILE = 1 << 32
"""Bytes; beyond them a file is none of ours and is not even hashed."""
_LARGEST_HEADER = 1 << 20
"""Bytes that safetensors may put before the tensors: names, shapes and places."""

_STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Seconds = Annotated[float, Field(ge=0)]


@pydantic.dataclasses.dataclass(frozen=True, config=_STRICT)
class Position:
    """How far a run has come."""

    epoch: Annotated[int, Field(ge=1, le=2**62)]
    """From 1; the epoch that is trained."""
    batch: _Count
    """Batches of this epoch that are done."""
    iteration: _Count
    """Iterations done in all."""


@dataclass(frozen=True)
class Snapshot:
    """All that the next iteration depends on, and the time it took to get here. The tensors are views, not copies."""

    position: Position
    model: Mapping[str, Tensor]
    optimizer: Mapping[str, Tensor]
    learning_rate: float
    random: Tensor
    """The state of torch's global generator before the epoch's order was drawn, uint8. Nothing else draws from it
    during an epoch, so the order drawn again is the order that was."""
    device: DeviceInfo
    train_seconds: float
    evaluation_seconds: float


Save = Callable[[Snapshot], None]
"""Keeps a snapshot; returns when it is on disk, or could not be brought there."""


@pydantic.dataclasses.dataclass(frozen=True, kw_only=True, config=_STRICT)
class Origin:
    """What a checkpoint was taken from: only the same constants and images go on where it left off."""

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
    """Of the next iteration; None in checkpoints of older versions, which could not change it."""
    journal_bytes: _Count
    """How long the journal was: what stands behind that happened later."""
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


def write(folder: Path, snapshot: Snapshot, origin: Origin, *, seconds: float, journal_bytes: int) -> Path:
    """Write a checkpoint below `folder` and remove all but the newest two; the checkpoint's path.

    Raises `OSError`, and leaves the checkpoints that are there as they were.
    """
    from safetensors.torch import save

    final = folder / f"iteration-{snapshot.position.iteration:012d}"
    if final.exists():  # this run wrote it, or went on from it
        return final
    folder.mkdir(exist_ok=True)
    state = State(
        position=snapshot.position,
        seconds=seconds,
        train_seconds=snapshot.train_seconds,
        evaluation_seconds=snapshot.evaluation_seconds,
        learning_rate=snapshot.learning_rate,
        journal_bytes=journal_bytes,
        origin=origin,
    )
    training = {f"optimizer.{name}": tensor for name, tensor in snapshot.optimizer.items()}
    contents = {
        MODEL: save(_plain(snapshot.model)),
        TRAINING: save(_plain({**training, "random": snapshot.random})),
        STATE: _STATE_JSON.dump_json(state, indent=2) + b"\n",
    }
    for left_behind in folder.glob(".iteration-*"):
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
    for old in _checkpoints(folder)[KEPT:]:
        shutil.rmtree(old, ignore_errors=True)
    return final


def _plain(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """`tensors` in the memory of the processor, each in a plain piece of its own, as safetensors wants them."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in tensors.items()}


def _checkpoints(folder: Path) -> list[Path]:
    """The checkpoints below `folder`, the newest first, whole or not."""
    return sorted((p for p in folder.glob("iteration-*") if _iteration(p) >= 0), key=_iteration, reverse=True)


def _iteration(path: Path) -> int:
    digits = path.name.removeprefix("iteration-")
    return int(digits) if digits.isdecimal() and len(digits) < 20 else -1


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint that was found whole: its files are the ones that were written."""

    path: Path
    state: State

    def model(self, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """The network's state; `like` says which tensors it has, and their shapes. Raises `RunFolderError`."""
        return self._tensors(MODEL, like)

    def optimizer(self, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """What the optimizer remembered, likewise."""
        found = self._tensors(TRAINING, self._in_training(like))
        return {name: found[f"optimizer.{name}"] for name in like}

    def random(self, like: Mapping[str, Tensor]) -> Tensor:
        """The random generator's state; `like` as for `optimizer`."""
        return self._tensors(TRAINING, self._in_training(like))["random"]

    @staticmethod
    def _in_training(optimizer: Mapping[str, Tensor]) -> dict[str, Tensor]:
        import torch

        return {**{f"optimizer.{name}": t for name, t in optimizer.items()}, "random": torch.get_rng_state()}

    def _tensors(self, name: str, like: Mapping[str, Tensor]) -> dict[str, Tensor]:
        from safetensors import SafetensorError
        from safetensors.torch import load

        path = self.path / name
        try:
            # Only what the network can hold is read, whatever a damaged or foreign file claims.
            most = sum(tensor.numel() * tensor.element_size() for tensor in like.values()) + _LARGEST_HEADER
            found: dict[str, Tensor] = load(read_bounded(path, most))
        except (OSError, SafetensorError) as error:
            raise RunFolderError(f"{path} cannot be read: {_reason(error)}.") from None
        if {n: (t.shape, t.dtype) for n, t in found.items()} != {n: (t.shape, t.dtype) for n, t in like.items()}:
            raise RunFolderError(f"{path} is of another network or another version; it does not fit this run's.")
        return found


def drop_newer(folder: Path, checkpoint: Checkpoint | None) -> None:
    """Remove the checkpoints that are not whole and newer than `checkpoint`: their place will be needed again."""
    for path in _checkpoints(folder):
        if checkpoint is None or _iteration(path) > checkpoint.state.position.iteration:
            shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()


def whole(folder: Path) -> Iterator[Checkpoint]:
    """The checkpoints below `folder` that are whole, the newest first, whatever lies beside them."""
    for path in _checkpoints(folder):
        try:
            manifest = _MANIFEST_JSON.validate_json(read_bounded(path / MANIFEST, _LARGEST_JSON))
            if set(manifest.files) == {MODEL, TRAINING, STATE} and all(
                _is_as_told(path / name, told) for name, told in manifest.files.items()
            ):
                state = _STATE_JSON.validate_json(read_bounded(path / STATE, _LARGEST_JSON))
                if state.position.iteration == _iteration(path):
                    yield Checkpoint(path, state)
        except (OSError, ValueError):
            continue


def _is_as_told(path: Path, told: _File) -> bool:
    with open(open_regular(path), "rb") as file:
        return os.fstat(file.fileno()).st_size == told.bytes and (
            hashlib.file_digest(file, "sha256").hexdigest() == told.sha256
        )


def _reason(error: Exception) -> str:
    return str(getattr(error, "strerror", None) or error)
