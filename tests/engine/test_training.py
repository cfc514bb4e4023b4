"""The engine against the notebook: the same losses, the same predictions."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import nn
from torch.utils.data import DataLoader

from engine import models
from engine.bench.notebook import Notebook
from engine.config import TrainingConfig
from engine.control import Control, Pause, Resume, Stop
from engine.data.imageset import ImageSet
from engine.errors import ConstantError, TrainingError
from engine.record.event_json import from_json, to_json
from engine.record.events import EvaluationStarted, Event, Failed, Finished, Paused, Resumed, Stopping
from engine.record.log import RunLog
from engine.record.record import RunRecord
from engine.storage.checkpoint import Snapshot
from engine.training import predict
from engine.training.order import shuffled
from engine.training.shape import check_shape
from engine.training.trainer import train
from tests.images import made_up_images
from tests.networks import diverging
from tests.told import Told


def notebook(images: ImageSet, config: TrainingConfig) -> tuple[list[float], NDArray[np.int64]]:
    """Return the losses and the test predictions of the notebook's own loop."""
    loop = Notebook(
        images,
        torch.device("cpu"),
        seed=config.seed,
        batch_size=config.batch_size,
        learning_rate=config.learning_rate,
        epochs=config.epochs,
    )
    return list(loop.train()), loop.evaluate()


QUICK = TrainingConfig(epochs=2, batch_size=32, device="cpu", threads=1)
"""Two epochs of a few batches."""


def recorded(log: RunLog) -> RunRecord:
    record = RunRecord(log)
    record.catch_up()
    return record


@pytest.mark.parametrize(
    ("train_images", "batch_size", "classes", "evaluate_each_epoch"),
    [(500, 32, 10, False), (500, 32, 10, True), (70, 1, 2, True), (130, 130, 3, True), (50, 64, 10, True)],
)
def test_same_numbers_as_the_notebook(
    train_images: int, batch_size: int, classes: int, evaluate_each_epoch: bool
) -> None:
    """With the same seed the losses of every iteration and the predictions are the notebook's, bit for bit."""
    images = made_up_images(train_images, 400, classes)
    config = TrainingConfig(
        epochs=3, batch_size=batch_size, seed=5, device="cpu", threads=1, evaluate_each_epoch=evaluate_each_epoch
    )
    torch.set_num_threads(1)
    losses, predictions = notebook(images, config)
    log = RunLog()
    trained = train(config, images, log, Control())
    np.testing.assert_array_equal(log.loss_buffer.values(), np.array(losses, dtype=np.float32))
    assert trained.predictions is not None
    np.testing.assert_array_equal(trained.predictions, predictions)


@pytest.mark.parametrize(("asked", "used"), [(1, 1), (8, 2), (0, None)])
def test_threads_are_told_as_they_are(asked: int, used: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    """The record has the thread count that computed, so that a run can be repeated, however it was chosen."""
    monkeypatch.setenv("OMP_NUM_THREADS", "2")
    monkeypatch.setattr("os.sched_getaffinity", lambda pid: {0, 1, 2}, raising=False)
    log = RunLog()
    train(QUICK.replaced(threads=asked, epochs=1), made_up_images(64, 20), log, Control())
    started = recorded(log).started
    assert started is not None
    assert started.device.threads == torch.get_num_threads()
    assert used in (None, started.device.threads)
    torch.set_num_threads(1)


def test_order_of_batches_is_the_data_loaders() -> None:
    """Every epoch shows the images in the order that DataLoader would have shown them."""
    torch.manual_seed(3)
    loader = DataLoader(range(97), batch_size=97, shuffle=True)  # type: ignore[arg-type, var-annotated]
    expected = [next(iter(loader)).tolist() for _ in range(3)]
    torch.manual_seed(3)
    assert [shuffled(97).tolist() for _ in range(3)] == expected


def test_evaluating_in_between_changes_nothing() -> None:
    """Evaluating after every epoch does not change a run, bit for bit."""
    images = made_up_images(200, 60)
    logs = [RunLog(), RunLog()]
    for log, each in zip(logs, (True, False), strict=True):
        train(QUICK.replaced(evaluate_each_epoch=each), images, log, Control())
    np.testing.assert_array_equal(logs[0].loss_buffer.values(), logs[1].loss_buffer.values())
    assert [len(recorded(log).evaluations) for log in logs] == [2, 1]
    assert recorded(logs[0]).evaluation == recorded(logs[1]).evaluation


def test_events_of_a_whole_run() -> None:
    """A run tells its start, epochs, notebook lines, evaluations and its end, in this order, with every loss kept."""
    images = made_up_images(1000, 50)
    log = RunLog()
    trained = train(QUICK.replaced(batch_size=1, epochs=1), images, log, Control())
    told = [type(event).__name__ for event in log.events]
    assert told == [
        "RunStarted",
        "EpochStarted",
        "BatchDone",
        "BatchDone",
        "EpochTrained",
        "EvaluationStarted",
        "Evaluated",
        "Finished",
    ]
    record = recorded(log)
    assert record.started is not None
    assert record.started.parameters == 89_834
    assert record.lines[1] == f"Epoch [1/1], Batch [500/1000], Loss: {record.losses[499]:.4f}"
    assert len(record.losses) == record.started.iterations == 1000
    assert record.status == "completed"
    evaluation = record.evaluation
    assert evaluation is not None
    assert trained.predictions is not None
    assert evaluation.correct == int((trained.predictions == images.test.labels).sum())
    assert evaluation.total == 50


def taken(log: RunLog) -> list[tuple[int, bool]]:
    """The stops that were reported as taken: at which iteration, and whether an evaluation follows."""
    return [(event.iteration, event.evaluates) for event in log.events if isinstance(event, Stopping)]


@pytest.mark.parametrize("at", [1, 5, 7])
def test_stop_within_one_iteration(at: int) -> None:
    """A stop ends the training after the iteration it is in; the test images are still evaluated."""
    control = Control()
    log = Told(lambda said: control.ask(Stop()) if said == at else None)
    train(QUICK, made_up_images(320, 40), log, control)
    record = recorded(log)
    assert len(record.losses) == at
    assert record.status == "stopped"
    assert [done.iteration for done in record.evaluations] == [at]
    assert taken(log) == [(at, True)]


def test_stop_before_the_first_iteration() -> None:
    """A run that is stopped before it has trained at all still has a result and a checkpoint."""
    control, log, kept = Control(), RunLog(), list[int]()
    control.ask(Stop())
    train(QUICK, made_up_images(64, 20), log, control, save=lambda snapshot: kept.append(snapshot.position.iteration))
    record = recorded(log)
    assert (record.status, len(record.losses), len(record.evaluations)) == ("stopped", 0, 1)
    assert kept == [0]


def test_stop_in_evaluation_keeps_its_result() -> None:
    """A stop while the test images are evaluated lets that evaluation finish, since it is the run's result."""
    control = Control()
    log = Told(lambda said: control.ask(Stop()) if isinstance(said, EvaluationStarted) else None)
    train(QUICK, made_up_images(64, 3 * predict.BATCH), log, control)
    record = recorded(log)
    assert record.status == "stopped"
    assert len(record.losses) == 2
    assert len(record.evaluations) == 1


def test_second_stop_leaves_out_the_evaluation() -> None:
    """A second stop ends the evaluation within a batch, and the run is over."""
    control = Control()

    def stop_twice(said: Event | int) -> None:
        if said == 1 or isinstance(said, EvaluationStarted):
            control.ask(Stop())

    log = Told(stop_twice)
    trained = train(QUICK, made_up_images(64, 3 * predict.BATCH), log, control)
    assert trained.predictions is None
    assert taken(log) == [(1, True), (1, False)]
    assert recorded(log).status == "stopped"
    assert not recorded(log).evaluations


def test_pause_and_resume() -> None:
    """A paused run waits before its next iteration. The pause does not change its numbers."""
    images = made_up_images(200, 40)
    undisturbed = RunLog()
    train(QUICK, images, undisturbed, Control())
    control = Control()
    waited: list[int] = []

    def act(said: Event | int) -> None:
        if said in (3, 9):
            control.ask(Pause())
        if isinstance(said, Paused):
            waited.append(said.iteration)
            control.ask(Resume())

    log = Told(act)
    train(QUICK, images, log, control)
    assert waited == [3, 9]
    assert sum(isinstance(event, Resumed) for event in log.events) == 2
    np.testing.assert_array_equal(log.loss_buffer.values(), undisturbed.loss_buffer.values())


@pytest.mark.parametrize(
    ("iteration", "expected"),
    [
        (11, [(1, 0, 0), (1, 3, 3), (1, 6, 6), (1, 7, 7), (2, 3, 10), (2, 6, 13), (2, 7, 14), (3, 3, 17), (3, 6, 20)]),
        (0.5, [(1, 0, 0), (2, 7, 14)]),
    ],
    ids=["long epochs", "short epochs"],
)
def test_when_checkpoints_are_kept(iteration: float, expected: list[tuple[int, int, int]]) -> None:
    """A run keeps a checkpoint at the start, 30 seconds after the last one, after an epoch unless the last one is less
    than 5 seconds old, and at the end."""
    now = 0.0

    def act(said: Event | int) -> None:
        nonlocal now
        if isinstance(said, int):
            now += iteration  # seconds; there are seven iterations in an epoch

    kept: list[tuple[int, int, int]] = []

    def save(snapshot: Snapshot) -> None:
        kept.append((snapshot.position.epoch, snapshot.position.batch, snapshot.position.iteration))

    train(QUICK.replaced(epochs=3), made_up_images(200, 40), Told(act), Control(), save=save, seconds=lambda: now)
    assert kept == [*expected, (3, 7, 21)]


def test_pause_in_evaluation() -> None:
    """An evaluation can be paused too. The pause does not count as evaluation time."""
    control = Control()
    ticks = itertools.count()

    def act(said: Event | int) -> None:
        if isinstance(said, EvaluationStarted):
            control.ask(Pause())
        if isinstance(said, Paused):
            for _ in range(1000):
                next(ticks)
            control.ask(Resume())

    log = Told(act)
    train(QUICK, made_up_images(64, 20), log, control, seconds=lambda: float(next(ticks)))
    record = recorded(log)
    assert sum(isinstance(event, Paused) for event in log.events) == 2
    assert isinstance(record.closing, Finished)
    assert record.closing.evaluation_seconds < 100
    assert record.closing.seconds > 2000


def test_loss_that_is_not_finite() -> None:
    """A diverging run stops at once, says where and what to do, and keeps every loss, the bad one included."""
    log = RunLog()
    images = made_up_images(320, 20)
    images.train.images[:] = np.random.default_rng(0).integers(0, 255, images.train.images.shape)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(models, "build", diverging(4))
        patch.setattr("engine.training.reporter.LINE_EVERY", 4)  # the journal must not hold a loss that JSON cannot
        with pytest.raises(TrainingError, match=r"nan at iteration 4 .* smaller learning rate"):
            train(QUICK, images, log, Control())
    assert all(from_json(to_json(event)) == (event, ()) for event in log.events)
    record = recorded(log)
    assert record.status == "failed"
    assert np.isfinite(record.losses).tolist() == [True, True, True, False]
    assert isinstance(log.events[-1], Failed)
    assert "learning rate" in log.events[-1].reason


@pytest.mark.parametrize(
    ("thrown", "told"),
    [
        (
            RuntimeError("[enforce fail at alloc_cpu.cpp:121] DefaultCPUAllocator: can't allocate memory: x"),
            "smaller batch",
        ),
        (torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB."), "smaller batch"),
        (MemoryError(), "smaller batch"),
        (RuntimeError("CUDA error: unspecified launch failure\nCUDA kernel errors might be ..."), "device stopped"),
        (RuntimeError("something else"), "something else"),
    ],
)
def test_machine_that_gives_up(thrown: Exception, told: str) -> None:
    """If memory runs out or the device fails, the run fails with a reason and keeps what was recorded."""

    def give_up(module: nn.Module, _: object) -> None:
        if module.training:
            raise thrown

    log = RunLog()
    with pytest.MonkeyPatch.context() as patch:
        build = models.build

        def breaking(name: str, classes: int, width: int) -> nn.Module:
            model = build(name, classes, width)
            model.register_forward_pre_hook(give_up)
            return model

        patch.setattr(models, "build", breaking)
        with pytest.raises(TrainingError, match=told):
            train(QUICK, made_up_images(64, 20), log, Control())
    assert recorded(log).status == "failed"


def test_device_that_is_not_there() -> None:
    """For a device that is not there, the error names those that are, before anything is reported."""
    log = RunLog()
    with pytest.raises(ConstantError, match=r"cuda:77 .* there is .*cpu"):
        train(QUICK.replaced(device="cuda:77"), made_up_images(64, 20), log, Control())
    assert log.events == []


@pytest.mark.parametrize("name", models.names())
@pytest.mark.parametrize("classes", [2, 10, 37])
def test_every_network_passes_the_shape_check(name: str, classes: int) -> None:
    """Every network turns 64 images into 64 rows of logits, for any number of classes; no random number is drawn."""
    torch.manual_seed(0)
    model = models.build(name, classes)
    before = torch.get_rng_state()
    assert check_shape(model, classes) == (64, classes)
    assert torch.equal(torch.get_rng_state(), before)


def test_shape_check_refuses_a_wrong_network() -> None:
    """A network with too few outputs is refused before any training."""
    with pytest.raises(TrainingError, match=r"\(64, 9\) instead of \(64, 10\)"):
        check_shape(models.build("cnn", 9), 10)


@pytest.mark.parametrize("name", [name for name in models.names() if name != "cnn"])
def test_other_networks_train(name: str) -> None:
    """Every other network learns on made-up images."""
    log = RunLog()
    config = QUICK.replaced(model=name, epochs=3, batch_size=20)
    train(config, made_up_images(200, 40, classes=2), log, Control())
    losses = recorded(log).losses
    assert losses[-5:].mean() < losses[:5].mean()
