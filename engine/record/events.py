"""The events of a run: the whole protocol between a run and everything that watches it.

Each event is a frozen class, so that it can be passed between threads, and has a JSON form: one line of the journal
(`events.jsonl`), one line of `cifar-tui train --json`. `event` names the kind. `seconds` counts from the start of the
run, pauses included. Losses are not events: they go through `Report.losses`. Exactly one closing event, `finished` or
`failed`, ends a run.

`run_started` and `run_resumed` carry the version of this protocol. A reader meets three cases:
- An older version: names that have changed since are known (`engine.record.event_json`).
- The same version: a line that is not one of these events is damage.
- A newer version: unknown fields are skipped, and unknown events are reported by name.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal, Protocol

from pydantic import ConfigDict, Field, computed_field
from pydantic.dataclasses import dataclass

from engine.control import ChangeableName
from engine.record.changes import Change, Value
from engine.record.evaluation import correct, percent, total

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

SCHEMA_VERSION = 5
"""Version 4 had no `changed`, `refused` and `energy_used`, no `branch_of`, no `asked` of an evaluation, no `uuid` of a
device and no `processes`. Version 3 had no `calibration_error` and no `predictions`. Version 2 had no `epoch_trained`,
and of an evaluation only its matrix of the test images. Version 1 had no `schema_version`, `stopping` or `accuracy`,
and called `run_resumed` `taken_up`."""


_EVENT = ConfigDict(extra="forbid", allow_inf_nan=False)

# A journal can be damaged or malicious: values that no run can have are refused.
_Count = Annotated[int, Field(ge=0, le=2**62)]
_Seconds = Annotated[float, Field(ge=0, le=1e12)]
_Percent = Annotated[float, Field(ge=0, le=100)]
_Processes = Annotated[int, Field(ge=1, le=2**20)]
_Version = Annotated[int, Field(ge=1, le=2**31)]


SplitName = Literal["test", "validation"]
"""The images that a network is evaluated on: the test images, or training images that were held out."""


@dataclass(frozen=True)
class DatasetInfo:
    """The images of a run."""

    name: str
    source: str
    fingerprint: str
    """SHA-256 of the class names, labels and pixels, in hexadecimal digits."""
    train_images: _Count
    test_images: _Count
    classes: tuple[str, ...]
    notes: tuple[str, ...] = ()
    """What matters when results are compared: that images were resized, that it is the demo set."""


@dataclass(frozen=True)
class KeptPredictions:
    """The file with what the network made of each image. It is removed again when there are many newer ones."""

    file: Annotated[str, Field(pattern=r"^(iteration|validation)-[0-9]{12,19}(-[0-9]{1,6})?\.safetensors$")]
    """Its name in the folder `predictions` of the run."""
    sha256: Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
    """The hash of its content in hexadecimal digits."""


@dataclass(frozen=True)
class DeviceInfo:
    """Where a run computes."""

    kind: str
    """`cpu`, `cuda` or `mps`."""
    name: str
    threads: int | None = None
    """Threads that compute, as measured or chosen; only for a `cpu`."""
    sums: str | None = None
    """The order of the sums, where the bits depend on it and are promised: for the notebook's network on a `cpu`."""
    uuid: Annotated[str, Field(max_length=80)] | None = None
    """The identity of a `cuda` GPU, or of the part of one, as torch tells it. None in runs of older versions."""


@dataclass(frozen=True)
class BranchOf:
    """The run whose weights a run began with."""

    name: str
    iteration: _Count
    """How many of its iterations were done."""
    optimizer: bool
    """Whether the state of its optimizer was taken as well; it is not if the optimizer is another one."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class DataProgress:
    """Images are being downloaded, read or drawn. The journal keeps one of these a second."""

    event: Literal["data_progress"] = "data_progress"
    seconds: _Seconds
    activity: str
    """For example `downloading CIFAR-10`."""
    done: _Count
    total: _Count | None
    """None if unknown."""
    unit: Literal["bytes", "images"]


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class RunStarted:
    """The images are read, the network is built and its shape checked; training begins."""

    event: Literal["run_started"] = "run_started"
    schema_version: _Version = SCHEMA_VERSION
    seconds: _Seconds
    at: str
    """Local time with its offset from UTC, in ISO 8601."""
    name: str
    config: dict[str, str | int | float | bool]
    """Every constant by name, as it was given when the run was first started."""
    dataset: DatasetInfo
    device: DeviceInfo
    versions: dict[str, str]
    parameters: _Count
    batches: Annotated[int, Field(ge=1, le=2**40)]
    """Iterations of one epoch."""
    epochs: Annotated[int, Field(ge=1, le=2**20)]
    validation_images: _Count = 0
    """Training images that are held out: the run does not train on them."""
    branch_of: BranchOf | None = None
    """None for a run that began with random weights."""
    processes: _Processes = 1
    """Processes that train together, each on a device such as `device` is."""

    @property
    def images(self) -> int:
        """Images of one epoch."""
        return self.dataset.train_images - self.validation_images

    @property
    def iterations(self) -> int:
        """Iterations of the whole run."""
        return self.batches * self.epochs

    def images_in(self, iterations: int) -> int:
        """Return how many images were trained on in `iterations`. The last batch of an epoch can be shorter."""
        epochs, batches = divmod(iterations, self.batches)
        return epochs * self.images + batches * self.batch_size

    @property
    def batch_size(self) -> int:
        """Images of one iteration, from `config` if that has it."""
        size = self.config.get("batch_size")
        return size if isinstance(size, int) and size > 0 else -(-self.images // self.batches)


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class RunResumed:
    """An interrupted run goes on from its newest checkpoint. What it had done after that is done again."""

    event: Literal["run_resumed"] = "run_resumed"
    schema_version: _Version = SCHEMA_VERSION
    seconds: _Seconds
    """Time between the interruption and the resumption is not counted."""
    at: str
    """As in `run_started`."""
    epoch: _Count
    iteration: _Count
    device: DeviceInfo
    versions: dict[str, str]
    processes: _Processes = 1
    """As in `run_started`, from here on."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EpochStarted:
    """An epoch begins."""

    event: Literal["epoch_started"] = "epoch_started"
    seconds: _Seconds
    epoch: _Count
    """From 1."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class BatchDone:
    """Every 500th batch of an epoch: the line that the notebook prints."""

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
class EpochTrained:
    """The training of an epoch ended: of the whole epoch, or after a stop of its first part."""

    event: Literal["epoch_trained"] = "epoch_trained"
    seconds: _Seconds
    epoch: _Count
    iteration: _Count
    correct: _Count
    """Images that were recognised in their batch, before the network learnt from it, as augmentation made them."""
    total: _Count

    @computed_field  # type: ignore[prop-decorator]
    @property
    def accuracy(self) -> float:
        """Percent of the epoch's training images that were recognised."""
        return percent(self.correct, self.total)


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EvaluationStarted:
    """The test or validation images are being classified by the network as it is after `iteration` iterations."""

    event: Literal["evaluation_started"] = "evaluation_started"
    seconds: _Seconds
    epoch: _Count
    iteration: _Count
    images: _Count
    split: SplitName = "test"


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Evaluated:
    """The test or validation images were classified by the network as it was after `iteration` iterations.

    The JSON form also has `correct`, `total` and `accuracy`.
    """

    event: Literal["evaluated"] = "evaluated"
    seconds: _Seconds
    duration: _Seconds
    """Seconds that the evaluation took."""
    epoch: _Count
    iteration: _Count
    matrix: tuple[tuple[_Count, ...], ...]
    """Rows are the true classes, columns the predicted ones."""
    split: SplitName = "test"
    views: Annotated[int, Field(ge=1, le=1_000)] = 1
    """How often each image was looked at."""
    plain_correct: _Count | None = None
    """Images that were recognised from one view; None in runs of older versions."""
    loss: float | None = None
    """The mean cross-entropy; None in runs of older versions, or if it is not finite."""
    calibration_error: _Percent | None = None
    """The expected calibration error in percentage points, as `loss`."""
    predictions: KeptPredictions | None = None
    """None in runs of older versions, or if they could not be kept."""
    asked: bool = False
    """Whether a person asked for it while the network trained. Patience and the best weights leave it out."""

    @computed_field  # type: ignore[prop-decorator]
    @property
    def correct(self) -> int:
        return correct(self.matrix)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def total(self) -> int:
        return total(self.matrix)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def accuracy(self) -> float:
        """Percent of all images that were recognised."""
        return percent(self.correct, self.total)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def plain_accuracy(self) -> float:
        """Percent of all images that were recognised from one view."""
        return percent(self.correct if self.plain_correct is None else self.plain_correct, self.total)


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Paused:
    """The run waits. While the images are read, `iteration` is 0."""

    event: Literal["paused"] = "paused"
    seconds: _Seconds
    iteration: _Count


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Resumed:
    """A pause is over."""

    event: Literal["resumed"] = "resumed"
    seconds: _Seconds
    iteration: _Count


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Stopping:
    """The run was asked to stop or to leave, and training ends. Sent again if a second stop skips the evaluation."""

    event: Literal["stopping"] = "stopping"
    seconds: _Seconds
    iteration: _Count
    evaluates: bool
    """Whether an evaluation of the test images follows."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Changed:
    """A constant was changed on request; written before it takes effect.

    A resumed run meets the changes again that came after its checkpoint, each at its own iteration, and reports them
    once more.
    """

    event: Literal["changed"] = "changed"
    seconds: _Seconds
    iteration: _Count
    """Iterations of the run that were done: the next one is the first with the new value."""
    name: ChangeableName
    before: Value
    after: Value

    @property
    def change(self) -> Change:
        return Change(self.iteration, self.name, self.before, self.after)


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class EnergyUsed:
    """What the GPU's board has used since the training began, where it counts: told at checkpoints and at the end."""

    event: Literal["energy_used"] = "energy_used"
    seconds: _Seconds
    iteration: _Count
    joules: Annotated[float, Field(ge=0, le=1e15)] | None
    """Of all parts of the run, without pauses. None if the counter has failed."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Refused:
    """A constant keeps its value: what was asked for is not allowed, has no effect, or came too late."""

    event: Literal["refused"] = "refused"
    seconds: _Seconds
    iteration: _Count
    name: ChangeableName
    value: float | None
    """What was asked for; None if it was no number."""
    reason: str
    """Why not, as the end of a sentence."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Notice:
    """Something that a person should know and that does not end the run."""

    event: Literal["notice"] = "notice"
    seconds: _Seconds
    text: str


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Finished:
    """The run ended without an error.

    `completed`: all epochs are done, or a constant ended the run earlier. `stopped`: ended by a request, with results.
    `interrupted`: left with a checkpoint and without results, to be resumed.
    """

    event: Literal["finished"] = "finished"
    seconds: _Seconds
    status: Literal["completed", "stopped", "interrupted"]
    iterations: _Count
    train_seconds: _Seconds
    """Time spent in training steps, without pauses and evaluations."""
    evaluation_seconds: _Seconds
    reason: str = ""
    """Why a completed run ended before its last epoch: its patience or its time limit was over."""


@dataclass(frozen=True, kw_only=True, config=_EVENT)
class Failed:
    """The run ended with an error."""

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
    | RunResumed
    | EpochStarted
    | BatchDone
    | EpochTrained
    | EvaluationStarted
    | Evaluated
    | Paused
    | Resumed
    | Stopping
    | Changed
    | EnergyUsed
    | Refused
    | Notice
    | Finished
    | Failed
)


class Report(Protocol):
    """Where a run reports to. Called from the run's thread. Returns at once: it never waits for a screen."""

    def event(self, event: Event) -> None:
        """Something happened."""

    def losses(self, values: NDArray[np.float32]) -> None:
        """The losses of the next iterations, shape (n,), in order. `RunStarted` came before."""
