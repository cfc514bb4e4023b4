"""Runs on a GPU with their folder: resumed, stopped."""

from __future__ import annotations

import random
import shutil
import threading
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import data
from engine.config import TrainingConfig
from engine.control import Control, EvaluateNow, Leave, Set, Stop
from engine.record.events import Event, Stopping
from engine.runs.local import Run
from engine.storage import changes
from tests.gpu.training import DEVICE, IS_GPU, Say, images, networks, trained
from tests.told import Told

ITERATIONS = 640 if IS_GPU else 10


@pytest.fixture(autouse=True)
def _images(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(data, "load", lambda *wanted: images(ITERATIONS))


def ended(run: Run) -> Run:
    assert run.start().join(200)
    assert run.error is None
    return run


@networks
@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
def test_a_resumed_run(name: str, precision: str, tmp_path: Path, record_property: Say) -> None:
    """A deterministic run left within an epoch goes on to the losses, to the last bit, of a run that was never left."""
    constants = {"data": "demo", "epochs": 2, "device": DEVICE, "threads": 1, "runs_dir": tmp_path, "model": name}
    constants |= {"precision": precision, "deterministic": True}
    straight, left = (TrainingConfig.checked({**constants, "name": each}) for each in ("straight", "left"))
    whole = ended(Run(straight))
    run = Run(left)
    take = run.log.losses

    def losses(values: NDArray[np.float32]) -> None:
        take(values)
        if len(run.log.loss_buffer) > ITERATIONS // 2:
            run.ask(Leave())

    run.log.losses = losses  # type: ignore[method-assign]
    ended(run)
    done = len(run.record().losses)
    resumed = ended(Run.resume(run.folder))
    expected, found = whole.record().losses, resumed.record().losses
    assert done < len(found) == len(expected)
    record_property(
        f"{name} {precision}: resumed after {done} iterations, largest difference of a loss",
        float(np.abs(found - expected).max()),
    )
    np.testing.assert_array_equal(found, expected)


@networks
def test_a_steered_run_that_is_resumed(name: str, tmp_path: Path, record_property: Say) -> None:
    """A recorded graph reads a new learning rate from the next launch on. A run that does everything again meets the
    change at the same iteration: it has the same losses to the last bit, though it is evaluated within an epoch."""
    constants = {"data": "demo", "epochs": 2, "device": DEVICE, "threads": 1, "runs_dir": tmp_path, "model": name}
    constants |= {"deterministic": True}
    steered, left = (Run(TrainingConfig.checked({**constants, "name": each})) for each in ("steered", "left"))
    after(steered, ITERATIONS // 4, lambda: steered.ask(Set("learning_rate", 0.004)))
    whole = ended(steered)
    (change,) = whole.record().changes
    assert change.iteration < ITERATIONS
    plain = ended(Run(TrainingConfig.checked({**constants, "name": "plain"}))).record().losses
    expected = whole.record().losses
    np.testing.assert_array_equal(expected[: change.iteration + 1], plain[: change.iteration + 1])
    assert not np.array_equal(expected[change.iteration + 1 :], plain[change.iteration + 1 :])

    after(left, ITERATIONS // 4, lambda: left.ask(Leave()))
    ended(left)
    shutil.rmtree(left.folder / "checkpoints")
    changes.write(left.folder, [change.change])
    again = Run.resume(left.folder)
    after(again, 3 * ITERATIONS // 2, lambda: again.ask(EvaluateNow()))
    ended(again)
    assert any(evaluated.asked for evaluated in again.record().evaluations)
    assert [each.change for each in again.record().changes] == [change.change]
    record_property(f"{name}: iterations until the rate was changed", change.iteration)
    np.testing.assert_array_equal(again.record().losses, expected)


def after(run: Run, iteration: int, act: Callable[[], None]) -> None:
    """Let `act` happen in `run` once, when so many iterations are done or a few more: a GPU makes several at once."""
    take, is_done = run.log.losses, [False]

    def losses(values: NDArray[np.float32]) -> None:
        take(values)
        if len(run.log.loss_buffer) >= iteration and not is_done[0]:
            is_done[0] = True
            act()

    run.log.losses = losses  # type: ignore[method-assign]


@networks
def test_a_stop_is_quick(name: str, record_property: Say) -> None:
    """A run stops within a tenth of a second after it was asked to."""
    waited = [wait_for_a_stop(name, random.Random(turn).random() / 20) for turn in range(5)]
    record_property(f"{name}: ms from a request to stop until the last iteration", [round(1e3 * w, 1) for w in waited])
    assert max(waited) < 0.1


def wait_for_a_stop(name: str, later: float) -> float:
    """Ask a run to stop some seconds `later` than its second epoch begins; return the seconds until it has."""
    control, stopped = Control(), list[float]()

    def act(said: Event | int) -> None:
        if isinstance(said, Stopping):
            stopped.append(time.perf_counter())

    log = Told(act)
    run = threading.Thread(
        target=trained, args=(images(ITERATIONS), log, control), kwargs={"model": name, "epochs": 1000}
    )
    run.start()
    while len(log.loss_buffer) <= ITERATIONS:
        time.sleep(0.001)
    time.sleep(later)
    asked = time.perf_counter()
    control.ask(Stop())
    run.join()
    return stopped[0] - asked
