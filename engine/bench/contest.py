"""The contest: the engine against the notebook's loop, in short windows that alternate.

Times on a shared machine change by half within a minute. So each figure is a ratio of two windows that follow each
other, and the result is the median of these ratios, with the smallest and the largest.
"""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from statistics import median
from typing import Any

import numpy as np

from engine.bench.claims import Claim, Course, agreement, speeds
from engine.config import TrainingConfig
from engine.errors import EngineError
from engine.process import python_running

_WINDOW = 40
_EVALUATIONS = 3

_AVX2_KERNELS = {"ONEDNN_MAX_CPU_ISA": "AVX2"}
"""With this in its environment, oneDNN takes the kernels in whose order the compiled convolutions sum."""

Say = Callable[[str], None]
"""Called with what is being measured."""


@dataclass(frozen=True)
class Contest:
    """The result, and the conditions it was measured under."""

    images: str
    threads: int
    network: str
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
        self.losses: list[float] = []
        """Of all iterations so far."""
        self.predictions: list[int] = []

    def train(self, iterations: int) -> tuple[float, int]:
        """Train for at least `iterations`; return the seconds, and how many it were."""
        answer = self._ask(f"train {iterations}")
        self.losses += answer["losses"]
        return answer["seconds"], len(answer["losses"])

    def evaluate(self) -> float:
        """Classify the test images; return the seconds."""
        answer = self._ask("evaluate")
        self.predictions = answer["predictions"]
        return float(answer["seconds"])

    @property
    def course(self) -> Course:
        return Course(self.losses, self.predictions)

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


def contest(config: TrainingConfig, *, stand_in: bool, say: Say) -> Contest:
    """Train both for one epoch, window by window, and compare what they make of the test images.

    Raises `EngineError` if one of the two fails.
    """
    config = config.replaced(epochs=1)
    with contestant("notebook", config, stand_in) as notebook, contestant("engine", config, stand_in) as engine:
        ratios, per_second = _train(engine, notebook, say)
        evaluations = _evaluate(engine, notebook, say)
    course = notebook.course
    if engine.about["avx2_order"] and not notebook.about["avx2_kernels"]:
        course = _course_with_avx2_kernels(config, stand_in, say)
    about = engine.about
    return Contest(
        images=str(about["images"]),
        threads=int(about["threads"]),
        network=config.model,
        layers=str(about["layers"]),
        iterations_per_second=median(per_second),
        claims=(
            *speeds(config.model, config.device, ratios, evaluations),
            *agreement(
                config.model,
                engine.course,
                course,
                np.array(about["labels"]),
                same_bits=bool(about["same_bits"]),
            ),
        ),
    )


def _train(engine: Contestant, notebook: Contestant, say: Say) -> tuple[list[float], list[float]]:
    """Train both for an epoch, in turns. Return, of each window, the ratio of speeds and the engine's iterations/s."""
    iterations = int(engine.about["iterations"])
    ratios, per_second, done = [], [], 0
    while done < iterations:
        seconds, count = engine.train(min(_WINDOW, iterations - done))
        notebook_seconds, _ = notebook.train(count)
        ratios.append(notebook_seconds / seconds)
        per_second.append(count / seconds)
        done += count
        say(f"training, {done:,} of {iterations:,} iterations of each")
    # The first window warms up.
    return (ratios[1:], per_second[1:]) if len(ratios) > 1 else (ratios, per_second)


def _evaluate(engine: Contestant, notebook: Contestant, say: Say) -> list[float]:
    """Let both classify the test images, in turns. Return the ratio of speeds of each turn."""
    ratios = []
    for turn in range(_EVALUATIONS):
        say(f"evaluating, {turn + 1} of {_EVALUATIONS}")
        seconds = engine.evaluate()
        ratios.append(notebook.evaluate() / seconds)
    return ratios


def _course_with_avx2_kernels(config: TrainingConfig, stand_in: bool, say: Say) -> Course:
    """Let the notebook's loop train an epoch in the order of sums that the compiled convolutions have."""
    say("the notebook's loop with oneDNN's AVX2 kernels, to compare the bits")
    with contestant("notebook", config, stand_in, _AVX2_KERNELS) as held:
        held.train(int(held.about["iterations"]))
        held.evaluate()
    return held.course


@contextmanager
def contestant(
    name: str, config: TrainingConfig, stand_in: bool, environment: Mapping[str, str] | None = None
) -> Iterator[Contestant]:
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
        env={**os.environ, **(environment or {})},
    )
    try:
        yield Contestant(process, name)
    finally:
        process.kill()
        process.communicate()
