"""The contest: the engine against the notebook's loop, in short windows that alternate.

Times on a shared machine change by half within a minute. So each figure is a ratio of two windows that follow each
other, and the result is the median of these ratios, with the smallest and the largest.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from engine.config import TrainingConfig
from engine.errors import EngineError
from engine.process import python_running

COMPARED, AGREEMENT = 200, 1e-3
"""Iterations whose losses must agree, and how far two losses of the same iteration may be apart."""

COMPARED_ON_A_GPU, AGREEMENT_ON_A_GPU = 10, 1e-4
"""There Adam rounds differently, and its step is the same size for a gradient of 1e-7. After 50 iterations two losses
may be 2e-3 apart."""

_WINDOW = 40
_EVALUATIONS = 3


@dataclass(frozen=True)
class Claim:
    """One promise, what was measured, and whether it holds."""

    what: str
    unit: str
    measured: tuple[float, ...]
    """Every single measurement. The promise is about their median unless it says otherwise."""
    promised: str
    holds: bool

    @property
    def median(self) -> float:
        return median(self.measured)


@dataclass(frozen=True)
class Contest:
    """The result, and the conditions it was measured under."""

    images: str
    threads: int
    layers: str
    """What computes the convolutions."""
    iterations_per_second: float
    """The engine's, in the median window. Good for planning, not for comparing."""
    claims: tuple[Claim, ...]


class Contestant:
    """A process that trains; see `engine.bench.contestant`."""

    def __init__(self, process: subprocess.Popen[str], name: str) -> None:
        self._process, self._name = process, name
        self.about = self._answer()

    def train(self, iterations: int) -> tuple[float, list[float]]:
        """Train for at least `iterations`; return the seconds and the losses."""
        answer = self._ask(f"train {iterations}")
        return answer["seconds"], answer["losses"]

    def evaluate(self) -> tuple[float, list[int]]:
        """Classify the test images; return the seconds and the predicted classes."""
        answer = self._ask("evaluate")
        return answer["seconds"], answer["predictions"]

    def _ask(self, what: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(what + "\n")
        self._process.stdin.flush()
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise EngineError(f"Measuring the {self._name} failed; its error message is above.")
        answer: dict[str, Any] = json.loads(line)
        return answer


def contest(config: TrainingConfig, *, stand_in: bool, say: Callable[[str], None]) -> Contest:
    """Train both for one epoch, window by window, and compare what they make of the test images.

    `say` is called with what is being measured. Raises `EngineError` if one of the two fails.
    """
    with _contestant("notebook", config, stand_in) as notebook, _contestant("engine", config, stand_in) as engine:
        iterations = int(engine.about["iterations"])
        labels = np.array(engine.about["labels"])
        ratios, speeds, apart, done = [], [], [], 0
        while done < iterations:
            seconds, losses = engine.train(min(_WINDOW, iterations - done))
            notebook_seconds, notebook_losses = notebook.train(len(losses))
            ratios.append(notebook_seconds / seconds)
            speeds.append(len(losses) / seconds)
            apart += np.abs(np.subtract(losses, notebook_losses)).tolist()
            done += len(losses)
            say(f"training, {done:,} of {iterations:,} iterations of each")
        if len(ratios) > 1:  # the first window warms up
            ratios, speeds = ratios[1:], speeds[1:]
        evaluations, same, accuracies = [], 0.0, [0.0, 0.0]
        for turn in range(_EVALUATIONS):
            say(f"evaluating, {turn + 1} of {_EVALUATIONS}")
            seconds, predictions = engine.evaluate()
            notebook_seconds, notebook_predictions = notebook.evaluate()
            evaluations.append(notebook_seconds / seconds)
            same = 100 * float(np.mean(np.equal(predictions, notebook_predictions)))
            accuracies = [100 * float(np.mean(labels == each)) for each in (predictions, notebook_predictions)]
        on_a_gpu = config.device.startswith("cuda")
        speed = 20.0 if on_a_gpu else 3.0
        compared, agreement = (COMPARED_ON_A_GPU, AGREEMENT_ON_A_GPU) if on_a_gpu else (COMPARED, AGREEMENT)
        worst = max(apart[:compared])
        # Two standard errors of the difference of two such accuracies.
        noise = 2 * 100 * (2 * 0.25 / len(labels)) ** 0.5
        return Contest(
            images=str(engine.about["images"]),
            threads=int(engine.about["threads"]),
            layers=str(engine.about["layers"]),
            iterations_per_second=median(speeds),
            claims=(
                Claim(
                    "training: iterations per second against the notebook's loop",
                    "×",
                    tuple(ratios),
                    f"at least {speed:g}",
                    median(ratios) >= speed,
                ),
                Claim(
                    "evaluation: images per second against the notebook's loop",
                    "×",
                    tuple(evaluations),
                    "at least 5",
                    median(evaluations) >= 5,
                ),
                Claim(
                    f"largest difference of a loss in the first {compared} iterations",
                    "",
                    (worst,),
                    f"at most {agreement:g}",
                    worst <= agreement,
                ),
                Claim(
                    "difference of the accuracies after one epoch",
                    "points",
                    (abs(accuracies[0] - accuracies[1]),),
                    f"at most {noise:.1f}",
                    abs(accuracies[0] - accuracies[1]) <= noise,
                ),
                Claim("test images that both put into the same class", "%", (same,), "", True),
            ),
        )


@contextmanager
def _contestant(name: str, config: TrainingConfig, stand_in: bool) -> Iterator[Contestant]:
    process = subprocess.Popen(
        [
            *python_running("engine.bench.contestant"),
            name,
            json.dumps(config.as_json()),
            "stand-in" if stand_in else "as configured",
        ],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield Contestant(process, name)
    finally:
        process.kill()
        process.communicate()
