"""What a run says while it happens. This is the whole protocol between a run and whoever looks at it.

Events are frozen, so that they may move between threads, and each knows its JSON form: one line of the journal, one
line of `cifar-tui train --json`. `seconds` counts from the start of the run. Every iteration's loss is told beside the
events, through `Report.losses`. Exactly one closing event, `Finished` or `Failed`, ends a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import ConfigDict, Field, TypeAdapter
from pydantic.dataclasses import dataclass

from engine.record.evaluation import ConfusionMatrix

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


_EVENT = ConfigDict(extra="forbid", allow_inf_nan=False)

# A journal may be damaged, or made by somebody who wishes us ill: what no run can have said is refused on reading.
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Seconds = Annotated[float, Field(ge=0, le=1e12)]


@dataclass(frozen=True)
class DatasetInfo:
    """The images of a run, as its record keeps them."""

    name: str
    source: str
    fingerprint: str
    """SHA-256 over the class names, labels and pixels, as hexadecimal digits."""
    train_images: _Count
    test_images: _Count
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


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class DataProgress:
    """Images are being downloaded, read or drawn. A journal keeps one a second, for whoever watches."""

    event: Literal["data_progress"] = "data_progress"
    seconds: _Seconds
    activity: str
    """What is being done, such as `downloading CIFAR-10`."""
    done: _Count
    total: _Count | None
    """None where nobody knows."""
    unit: Literal["bytes", "images"]


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class RunStarted:
    """The images are read, the network is built and its shape checked; training begins."""

    event: Literal["run_started"] = "run_started"
    seconds: _Seconds
    at: str
    """Local time with its offset from UTC, in ISO 8601."""
    name: str
    config: dict[str, str | int | float | bool]
    """Every constant by name."""
    dataset: DatasetInfo
    device: DeviceInfo
    versions: dict[str, str]
    parameters: _Count
    batches: Annotated[int, Field(ge=1, le=2**40)]
    """Iterations an epoch."""
    epochs: Annotated[int, Field(ge=1, le=2**20)]

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        return self.batches * self.epochs


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class TakenUp:
    """A run that was interrupted goes on from its newest checkpoint; what it had done after that is done again."""

    event: Literal["taken_up"] = "taken_up"
    seconds: _Seconds
    at: str
    """As in `RunStarted`; the time while nobody trained does not count in `seconds`."""
    epoch: _Count
    iteration: _Count
    device: DeviceInfo
    versions: dict[str, str]


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EpochStarted:
    event: Literal["epoch_started"] = "epoch_started"
    seconds: _Seconds
    epoch: _Count
    """From 1."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class BatchDone:
    """Told at every 500th batch of an epoch: the notebook's own line."""

    event: Literal["batch_done"] = "batch_done"
    seconds: _Seconds
    epoch: _Count
    epochs: Annotated[int, Field(ge=1, le=2**20)]
    batch: _Count
    batches: Annotated[int, Field(ge=1, le=2**40)]
    loss: float

    @property
    def line(self) -> str:
        return f"Epoch [{self.epoch}/{self.epochs}], Batch [{self.batch}/{self.batches}], Loss: {self.loss:.4f}"


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EvaluationStarted:
    event: Literal["evaluation_started"] = "evaluation_started"
    seconds: _Seconds
    epoch: _Count
    iteration: _Count
    images: _Count


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Evaluated:
    """The test images were classified by the network as it was after `iteration` iterations."""

    event: Literal["evaluated"] = "evaluated"
    seconds: _Seconds
    duration: _Seconds
    """Seconds that the evaluation took."""
    epoch: _Count
    iteration: _Count
    matrix: ConfusionMatrix


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Paused:
    event: Literal["paused"] = "paused"
    seconds: _Seconds
    iteration: _Count


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Resumed:
    event: Literal["resumed"] = "resumed"
    seconds: _Seconds
    iteration: _Count


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Stopping:
    """The run has taken a stop, or that it is left. Told again where a second stop leaves out the evaluation."""

    event: Literal["stopping"] = "stopping"
    seconds: _Seconds
    iteration: _Count
    evaluates: bool
    """Whether an evaluation of the test images follows."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Notice:
    """Something that a person should know and that does not end the run."""

    event: Literal["notice"] = "notice"
    seconds: _Seconds
    text: str


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Finished:
    """The run ended as it should: all epochs done, stopped with its results because somebody asked for it, or
    interrupted, left with its checkpoint alone because there was no time for more."""

    event: Literal["finished"] = "finished"
    seconds: _Seconds
    status: Literal["completed", "stopped", "interrupted"]
    iterations: _Count
    train_seconds: _Seconds
    """Time spent in training steps, without pauses and evaluations."""
    evaluation_seconds: _Seconds


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Failed:
    """The run ended because it could not go on."""

    event: Literal["failed"] = "failed"
    seconds: _Seconds
    reason: str
    """For a person: what was wrong and what to do."""
    iterations: _Count = 0
    train_seconds: _Seconds = 0.0
    evaluation_seconds: _Seconds = 0.0


Event = (
    DataProgress
    | RunStarted
    | TakenUp
    | EpochStarted
    | BatchDone
    | EvaluationStarted
    | Evaluated
    | Paused
    | Resumed
    | Stopping
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
