"""Runs on a GPU with their folder: resumed, stopped."""

from __future__ import annotations

import random
import threading
import time
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from engine import data
from engine.config import TrainingConfig
from engine.control import Control, Leave, Stop
from engine.record.events import Event, Stopping
from engine.runs.local import Run
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
