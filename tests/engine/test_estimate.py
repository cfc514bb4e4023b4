"""How long a run takes is known beforehand, and finding it out leaves nothing behind."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
import torch

from engine.config import TrainingConfig
from engine.control import Control
from engine.data.found import Found
from engine.estimate import Estimator, Figures, Measurement, measuring, whole_run
from engine.estimate.measuring import measured, seconds_per_image
from engine.process import python_running
from engine.record.events import Report
from engine.training import alone
from engine.training.loop import Trained
from tests.processes import PATIENCE

CONFIG = TrainingConfig(data="demo", device="cpu", threads=1)
FOUND = Found(True, "made up", ("a", "b"), (500, 500), 200)
FIGURES = Figures(preparing=2.0, image=0.01, step=0.5, look=0.001)

_ANSWER = f"""
import json, sys
sys.stdin.readline()
print(json.dumps({asdict(FIGURES)!r}))
"""
_NEVER = """
import os, pathlib, sys
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
sys.stdin.read()
"""


def stand_in(code: str, *arguments: str) -> Estimator:
    """An estimator whose process runs `code` instead of measuring."""
    return Estimator([sys.executable, "-c", code, *arguments])


# The whole run


@pytest.mark.parametrize(
    ("constants", "training", "looks"),
    [
        ({}, 4 * (1000 * 0.01 + 32 * 0.5), 4 * 200),
        ({"batch_size": 999, "epochs": 2}, 2 * (1000 * 0.01 + 2 * 0.5), 2 * 200),
        ({"evaluate_each_epoch": False}, 4 * (1000 * 0.01 + 32 * 0.5), 200),
        ({"test_views": 6, "augmentation": "flip-shift"}, 4 * (1000 * 0.01 + 32 * 0.5), 3 * 200 + 6 * 200),
        ({"validation": 200, "test_views": 2, "augmentation": "flip"}, 4 * (800 * 0.01 + 25 * 0.5), 4 * 200 + 2 * 200),
    ],
)
def test_the_time_of_a_whole_run(constants: dict[str, object], training: float, looks: int) -> None:
    """The time counts preparing, every batch of every epoch, and every look at an image in an evaluation."""
    config = CONFIG.replaced(**constants)
    assert whole_run(config, FOUND, FIGURES) == pytest.approx(2 + training + looks * 0.001)


def test_a_time_limit_is_kept() -> None:
    """A time limit ends training and its evaluations; the last evaluation and preparing come on top."""
    assert whole_run(CONFIG.replaced(time_limit=60.0), FOUND, FIGURES) == pytest.approx(2 + 60 + 0.2)
    assert whole_run(CONFIG.replaced(time_limit=6000.0), FOUND, FIGURES) == whole_run(CONFIG, FOUND, FIGURES)


@pytest.mark.parametrize("wrong", [float("nan"), float("inf"), -1.0, "1", None])
def test_figures_are_seconds(wrong: float) -> None:
    """What a process says is believed only if it can be a time."""
    with pytest.raises(ValueError, match="look"):
        Figures(preparing=0, image=0, step=0, look=wrong)


# Measuring


def test_warming_up_does_not_count() -> None:
    """The first quarter of the time is left out, so that a slow start does not count a thousand times."""
    slow_start = [(10.0, 32), (11.0, 64)]
    steady = [(12.0 + each / 4, 96 + 32 * each) for each in range(13)]
    assert seconds_per_image([*slow_start, *steady]) == pytest.approx(0.25 / 32)


@pytest.mark.parametrize(("batch_size", "trained_with"), [(32, 32), (2000, 250), (10_000, 250)])
def test_what_is_measured(batch_size: int, trained_with: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Batches are timed until two seconds are over; of large ones a part, and the optimizer apart from it."""
    now = 0.0
    trained = []

    def train(config: TrainingConfig, images: object, report: Report, control: Control, **_: object) -> Trained:
        nonlocal now
        trained.append(config)
        now += 7.0
        while not control.stops:
            now += 0.3
            report.losses(np.ones(1, np.float32))
        return Trained(torch.nn.Identity(), None)

    def predict(*_: object, views: int) -> None:
        nonlocal now
        now += 0.5

    def optimizer_seconds(*_: object) -> float:
        return 0.05

    for function in (train, predict, optimizer_seconds):
        monkeypatch.setattr(measuring, function.__name__, function)
    config = CONFIG.replaced(batch_size=batch_size, epochs=3, patience=2, time_limit=1.0, keep_best=True)
    found = measured(config, 4000, 10_000, 10, lambda: now)
    (used,) = trained
    assert used.batch_size == trained_with
    assert (used.patience, used.time_limit, used.keep_best, used.evaluate_each_epoch) == (0, 0, False, False)
    assert now == pytest.approx(7 + 8 * 0.3 + 2 * 0.5)  # the first batch, seven more in two seconds, two evaluations
    step = 0.05 if batch_size > trained_with else 0.0
    assert found.preparing == pytest.approx(7)
    assert found.step == step
    assert found.image == pytest.approx((0.3 - step) / trained_with)
    assert found.look == pytest.approx(0.5 / 500)


def test_measured_by_a_process() -> None:
    """A process measures the real thing: a run with everything on takes some time for each of its parts."""
    config = CONFIG.replaced(
        model="batchnorm",
        augmentation="flip-shift",
        label_smoothing=0.1,
        average=0.9,
        test_views=6,
        validation=10,
        batch_size=600,
        patience=1,
    )
    estimator = Estimator()
    figures = estimator.measure(config, FOUND)()
    assert figures is not None
    assert min(figures.preparing, figures.image, figures.step, figures.look) > 0
    assert estimator.figures(config, FOUND) == figures


# The process


def test_each_is_measured_once(tmp_path: Path) -> None:
    """Constants without an effect on the speed need no new measurement, others do."""
    estimator = stand_in(_ANSWER)
    assert not estimator.is_known(CONFIG, FOUND)
    assert estimator.measure(CONFIG, FOUND)() == FIGURES
    same = {"epochs": 9, "name": "new", "runs_dir": tmp_path, "seed": 3, "learning_rate": 0.1, "validation": 50}
    assert estimator.figures(CONFIG.replaced(**same), FOUND) == FIGURES
    for other in ({"batch_size": 8}, {"model": "deeper"}, {"average": 0.9}, {"label_smoothing": 0.1}, {"threads": 2}):
        assert not estimator.is_known(CONFIG.replaced(**other), FOUND)
    assert not estimator.is_known(CONFIG, Found(True, "", ("a",), (7,), 7))


@pytest.mark.parametrize("code", ["raise SystemExit(1)", "print('{')", "print('[1]')", "print('{\"look\": NaN}')", ""])
def test_a_process_that_fails(code: str) -> None:
    """If measuring fails nothing is known, and it is not tried again."""
    estimator = stand_in(code)
    assert estimator.measure(CONFIG, FOUND)() is None
    assert estimator.is_known(CONFIG, FOUND)
    assert estimator.figures(CONFIG, FOUND) is None


def test_no_process_can_be_started(tmp_path: Path) -> None:
    """Without a process nothing is known."""
    assert Estimator([str(tmp_path / "nothing")]).measure(CONFIG, FOUND)() is None


class Waiting:
    """A measurement that never ends by itself, in a thread."""

    def __init__(self, folder: Path) -> None:
        self._pid = folder / "pid"
        self.estimator = stand_in(_NEVER, str(self._pid))
        self.measurement: Measurement = self.estimator.measure(CONFIG, FOUND)
        self.found: list[Figures | None] = []
        self._thread = threading.Thread(target=lambda: self.found.append(self.measurement()), daemon=True)
        self._thread.start()
        until = time.monotonic() + PATIENCE
        while not (self._pid.exists() and self._pid.read_text()):
            assert time.monotonic() < until
            time.sleep(0.01)

    def ended(self) -> bool:
        """Whether nothing was found and the process is gone."""
        self._thread.join(PATIENCE)
        with pytest.raises(ProcessLookupError):
            os.kill(int(self._pid.read_text()), 0)
        return self.found == [None]


def test_cancelling_ends_the_process(tmp_path: Path) -> None:
    """A cancelled measurement is over at once, its process is gone, and it may be made again."""
    waiting = Waiting(tmp_path)
    waiting.measurement.cancel()
    assert waiting.ended()
    assert not waiting.estimator.is_known(CONFIG, FOUND)


def test_cancelled_before_it_began(tmp_path: Path) -> None:
    """A measurement that was cancelled before it began starts no process."""
    code = "import pathlib, sys; pathlib.Path(sys.argv[1]).touch()"
    measurement = stand_in(code, str(tmp_path / "begun")).measure(CONFIG, FOUND)
    measurement.cancel()
    assert measurement() is None
    assert list(tmp_path.iterdir()) == []


def test_one_at_a_time(tmp_path: Path) -> None:
    """The next measurement waits until the process of the last one is gone."""
    waiting = Waiting(tmp_path)
    next_found: list[Figures | None] = []
    estimator = stand_in(_ANSWER)
    thread = threading.Thread(target=lambda: next_found.append(estimator.measure(CONFIG, FOUND)()))
    thread.start()
    thread.join(0.2)
    assert next_found == []
    waiting.measurement.cancel()
    assert waiting.ended()
    thread.join(PATIENCE)
    assert next_found == [FIGURES]


def test_a_run_ends_a_measurement(tmp_path: Path) -> None:
    """A run that begins in this program waits for nothing: the measurement is ended, and none begins beside the run."""
    waiting = Waiting(tmp_path)
    with alone.training():
        assert waiting.ended()
        estimator = stand_in(_ANSWER)
        assert estimator.measure(CONFIG, FOUND)() is None
        assert not estimator.is_known(CONFIG, FOUND)
    assert estimator.measure(CONFIG, FOUND)() == FIGURES


def test_the_process_does_not_outlive_who_asked() -> None:
    """If the program that asked is killed, its end of stdin is closed, and the process ends without an answer."""
    process = subprocess.Popen(python_running("engine.estimate"), stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin is not None
    assert process.stdout is not None
    request = {"config": CONFIG.as_json(), "train_images": 100, "test_images": 10, "classes": 2}
    process.stdin.write(json.dumps(request).encode() + b"\n")
    process.stdin.close()
    assert process.stdout.read() == b""
    assert process.wait(PATIENCE) == 1
    process.stdout.close()
