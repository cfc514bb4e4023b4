"""One training from its constants and images: the loop with everything around it."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import TrainingConfig
from engine.control import Control
from engine.data.imageset import ImageSet
from engine.distributed.group import Group
from engine.hardware import device as devices
from engine.hardware.memory import keep_freed_memory
from engine.hardware.precision import multiplying_in
from engine.record.changes import Change
from engine.record.events import Report
from engine.storage.checkpoint import Checkpoint, Save, SaveBest
from engine.storage.predictions import Keep
from engine.training import alone, loop
from engine.training.clock import Clock, Seconds, stopwatch
from engine.training.failures import reported
from engine.training.layout import convolving
from engine.training.loop import Trained
from engine.training.reporter import Reporter
from engine.training.steering import Note
from engine.training.validation import hold_out


def train(
    config: TrainingConfig,
    images: ImageSet,
    report: Report,
    control: Control,
    *,
    save: Save | None = None,
    save_best: SaveBest | None = None,
    keep: Keep | None = None,
    note: Note | None = None,
    seconds: Seconds | None = None,
    start: Checkpoint | None = None,
    changes: Sequence[Change] = (),
    origin: Checkpoint | None = None,
    group: Group | None = None,
) -> Trained:
    """Train the network that `config` names on `images`, and report everything that happens to `report`.

    `save` is called with the state of the run at the start, every 30 seconds, after an epoch if that took five or more,
    before a pause and at the end; `save_best` with the best weights so far, if `config` wants them kept; `keep` with
    what each evaluation found; `note` with all changes of constants before each takes effect.
    `seconds` returns the time since the run began. With `start` an interrupted run goes on from that checkpoint. Its
    numbers are those of a run that was never interrupted, with the same `changes` at the same iterations; on a GPU only
    if `deterministic`, else nearly. A new run begins with the weights of `origin`, a checkpoint of another run.
    The processes of `group` train together, and this one leads them.

    Raises `ConstantError` before the run begins if the device is not there or cannot compute, or if there are
    too few images to hold out those for validation. Raises `TrainingError`,
    after reporting `Failed`, if the training cannot go on.
    """
    keep_freed_memory()
    splits = hold_out(images, config.validation, config.seed)
    clock = Clock(seconds or stopwatch(), start.state if start else None)
    run = Reporter(
        config,
        splits,
        report,
        control,
        clock,
        save=save,
        save_best=save_best,
        keep=keep,
        note=note,
        start=start,
        changes=changes,
        origin=origin,
    )
    name = devices.of_process(config.device, group.place.size_here) if group is not None else config.device
    device = devices.usable(name, config.precision, run.notice)
    with (
        alone.training(),
        devices.working_on(device),
        multiplying_in(config.precision, config.deterministic),
        convolving(config, device),
        reported(run.failed, config),
    ):
        return loop.train(config, splits, run, device, group)
