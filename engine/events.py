"""What a run says while it happens. This is the whole protocol between a run and whoever looks at it.

Events are frozen, so that they may move between threads, and each knows its JSON form: one line of the journal, one
line of `cifar-tui train --json`. `seconds` counts from the start of the run. Every iteration's loss is told beside the
events, through `Report.losses`. Exactly one closing event, `Finished` or `Failed`, ends a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal, Protocol

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from engine.evaluation import ConfusionMatrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class DatasetInfo:
    """The images of a run, as its record keeps them."""

    name: str
    source: str
    fingerprint: str
    """SHA-256 over the class names, labels and pixels, as hexadecimal digits."""
    train_images: int
    test_images: int
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What somebody who compares numbers should know: that the images were resized, that it is the demo set."""


@dataclass(frozen=True)
class DeviceInfo:
    """Where a run computes."""

    kind: str
    """`cpu`, `cuda` or `mps`."""
    name: str
    threads: int | None = None
    """Processor threads that compute; only told for a processor."""


_EVENT = ConfigDict(ser_json_inf_nan="null", extra="forbid")


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class DataProgress:
    """Images are being downloaded, read or drawn. Told before the run has a folder, so no journal keeps it."""

    event: Literal["data_progress"] = "data_progress"
    kept: ClassVar[bool] = False
    seconds: float
    activity: str
    """What is being done, such as `downloading CIFAR-10`."""
    done: int
    total: int | None
    """None where nobody knows."""
    unit: Literal["bytes", "images"]


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class RunStarted:
    """The images are read, the network is built and its shape checked; training begins."""

    event: Literal["run_started"] = "run_started"
    kept: ClassVar[bool] = True
    seconds: float
    at: str
    """Local time with its offset from UTC, in ISO 8601."""
    name: str
    config: dict[str, str | int | float | bool]
    """Every constant by name."""
    dataset: DatasetInfo
    device: DeviceInfo
    versions: dict[str, str]
    parameters: int
    batches: int
    """Iterations an epoch."""
    epochs: int

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        return self.batches * self.epochs


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EpochStarted:
    event: Literal["epoch_started"] = "epoch_started"
    kept: ClassVar[bool] = True
    seconds: float
    epoch: int
    """From 1."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class BatchDone:
    """Told at every 500th batch of an epoch: the notebook's own line."""

    event: Literal["batch_done"] = "batch_done"
    kept: ClassVar[bool] = True
    seconds: float
    epoch: int
    epochs: int
    batch: int
    batches: int
    loss: float

    @property
    def line(self) -> str:
        return f"Epoch [{self.epoch}/{self.epochs}], Batch [{self.batch}/{self.batches}], Loss: {self.loss:.4f}"


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EvaluationStarted:
    event: Literal["evaluation_started"] = "evaluation_started"
    kept: ClassVar[bool] = True
    seconds: float
    epoch: int
    iteration: int
    images: int


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Evaluated:
    """The test images were classified by the network as it was after `iteration` iterations."""

    event: Literal["evaluated"] = "evaluated"
    kept: ClassVar[bool] = True
    seconds: float
    duration: float
    """Seconds that the evaluation took."""
    epoch: int
    iteration: int
    matrix: ConfusionMatrix


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Paused:
    event: Literal["paused"] = "paused"
    kept: ClassVar[bool] = True
    seconds: float
    iteration: int


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Resumed:
    event: Literal["resumed"] = "resumed"
    kept: ClassVar[bool] = True
    seconds: float
    iteration: int


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Notice:
    """Something that a person should know and that does not end the run."""

    event: Literal["notice"] = "notice"
    kept: ClassVar[bool] = True
    seconds: float
    text: str


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Finished:
    """The run ended as it should: all epochs done, or stopped because somebody asked for it."""

    event: Literal["finished"] = "finished"
    kept: ClassVar[bool] = True
    seconds: float
    status: Literal["completed", "stopped"]
    iterations: int
    train_seconds: float
    """Time spent in training steps, without pauses and evaluations."""
    evaluation_seconds: float


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Failed:
    """The run ended because it could not go on."""

    event: Literal["failed"] = "failed"
    kept: ClassVar[bool] = True
    seconds: float
    reason: str
    """For a person: what was wrong and what to do."""
    iterations: int = 0
    train_seconds: float = 0.0
    evaluation_seconds: float = 0.0


Event = (
    DataProgress
    | RunStarted
    | EpochStarted
    | BatchDone
    | EvaluationStarted
    | Evaluated
    | Paused
    | Resumed
    | Notice
    | Finished
    | Failed
)

_ADAPTER: TypeAdapter[Event] = TypeAdapter(Annotated[Event, Field(discriminator="event")])


def to_json(event: Event) -> bytes:
    """One line of strict JSON, without the line break; a loss that is not finite becomes null."""
    return _ADAPTER.dump_json(event)


def from_json(line: bytes | str) -> Event:
    """The event that `to_json` wrote. Raises `pydantic.ValidationError` for anything else."""
    return _ADAPTER.validate_json(line)


class Report(Protocol):
    """Where a run tells what happens. Called from the run's thread; returns at once and never waits for a screen."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def losses(self, values: NDArray[np.float32]) -> None:
        """The losses of the next iterations, shape (n,), in order; `RunStarted` came before."""
