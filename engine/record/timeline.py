"""When a run had done how many iterations."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from engine.record.events import (
    BatchDone,
    Changed,
    EpochTrained,
    Evaluated,
    EvaluationStarted,
    Failed,
    Finished,
    Paused,
    Resumed,
    RunResumed,
    RunStarted,
    Stopping,
)
from engine.record.record import RunRecord


class Timeline:
    """Seconds of training at any iteration, without pauses and evaluations; between two events evenly spread."""

    def __init__(self, record: RunRecord) -> None:
        iterations, seconds = [0], [0.0]
        lost = last = paused_at = 0.0
        for event in record.events:
            match event:
                case RunStarted():
                    lost = event.seconds
                case RunResumed():
                    lost += max(0.0, event.seconds - last)  # images were read again
                case Paused():
                    paused_at = event.seconds
                case Resumed():
                    lost += event.seconds - paused_at
                case Evaluated():
                    lost += event.duration
            last, done = event.seconds, 0
            match event:
                case BatchDone():
                    done = event.batches * (event.epoch - 1) + event.batch
                case EpochTrained() | EvaluationStarted() | Stopping() | Changed():
                    done = event.iteration
                case Finished() | Failed():
                    done = event.iterations
            if done > iterations[-1]:
                iterations.append(done)
                seconds.append(max(seconds[-1], last - lost))
        newest = len(record.losses)
        if newest > iterations[-1] > 0:  # no event told of them yet
            seconds.append(seconds[-1] * newest / iterations[-1])
            iterations.append(newest)
        self._iterations, self._seconds = np.array(iterations, np.float64), np.array(seconds)

    def seconds(self, iterations: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return the seconds after so many iterations, shape (n,); NaN where nothing is known of them."""
        if len(self._iterations) < 2:
            return np.full(len(iterations), np.nan)
        seconds: NDArray[np.float64] = np.interp(iterations, self._iterations, self._seconds, right=np.nan)
        return seconds
