"""The recipes of the presets, as whole runs, and the speed run beside the same recipe as a plain torch loop."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.bench.claims import Claim
from engine.bench.contest import Say, contestant
from engine.config import PRESETS, TrainingConfig

_WINDOW, _WINDOWS = 2, 6
"""Iterations of each in a window, and windows. The first one warms up."""

REACHES = {"speedrun": 90.4, "minutes": 88.5}
"""Percent of the test images, with six views, as the mean of three seeds on CIFAR-10 saved as JPEG.

The original images, whose colours are finer, give about three points more.
"""

SHARE = 0.4
"""The time of the preset minutes is at most this part of that of speedrun."""


@dataclass(frozen=True)
class _Run:
    seconds: float
    accuracy: float


def recipes(config: TrainingConfig, seeds: int, *, stand_in: bool, say: Say) -> tuple[Claim, ...]:
    """Measure both presets with the data, the device and the threads of `config`, in whole runs with `seeds` seeds.

    Raises `EngineError` if one of the processes fails.
    """
    presets = {preset.name: preset for preset in PRESETS if preset.name in REACHES}
    configs = {
        name: config.replaced(**{**preset.constants(), "data": config.data, "precision": config.precision})
        for name, preset in presets.items()
    }
    claims = [_speed(configs["speedrun"], stand_in, say)]
    runs: dict[str, list[_Run]] = {}
    for name, each in configs.items():
        runs[name] = [_whole(name, each.replaced(seed=seed), stand_in, say) for seed in range(seeds)]
        claims += _results(name, runs[name], promised=not stand_in and seeds >= 3)
    shares = [short.seconds / long.seconds for short, long in zip(runs["minutes"], runs["speedrun"], strict=True)]
    claims.append(
        Claim("time of minutes over that of speedrun", "×", tuple(shares), f"at most {SHARE:g}", max(shares) <= SHARE)
    )
    return tuple(claims)


def _speed(config: TrainingConfig, stand_in: bool, say: Say) -> Claim:
    """Train the speed run's network for some iterations, in turns with the plain loop."""
    ratios = []
    with contestant("plain speedrun", config, stand_in) as plain, contestant("engine", config, stand_in) as engine:
        for window in range(_WINDOWS):
            say(f"the speed run beside a plain loop, window {window + 1} of {_WINDOWS}")
            seconds, count = engine.train(_WINDOW)
            plain_seconds, plain_count = plain.train(_WINDOW)
            ratios.append(plain_seconds / plain_count / (seconds / count))
    return Claim(
        "speed run: iterations per second against the recipe as a plain loop",
        "×",
        tuple(ratios[1:]),
        "at least 1",
        float(np.median(ratios[1:])) >= 1,
    )


def _whole(name: str, config: TrainingConfig, stand_in: bool, say: Say) -> _Run:
    """Train a preset to its end, evaluations included."""
    with contestant("engine", config, stand_in) as engine:
        iterations = int(engine.about["iterations"]) * config.epochs
        done, seconds = 0, 0.0
        while done < iterations:
            say(f"{name}, seed {config.seed}, {done:,} of {iterations:,} iterations")
            took, count = engine.train(min(10, iterations - done))
            done, seconds = done + count, seconds + took
        seconds += engine.evaluate()
        right = np.mean(np.equal(engine.predictions, engine.about["labels"]))
    return _Run(seconds, 100 * float(right))


def _results(name: str, runs: Sequence[_Run], *, promised: bool) -> list[Claim]:
    accuracies, least = tuple(run.accuracy for run in runs), REACHES[name]
    mean = float(np.mean(accuracies))
    return [
        Claim(
            f"{name}: accuracy on the test images, six views; mean {mean:.2f}",
            "%",
            accuracies,
            f"mean at least {least:g}" if promised else "",
            mean >= least or not promised,
        ),
        Claim(f"{name}: the whole run", "s", tuple(run.seconds for run in runs), "", True),
    ]
