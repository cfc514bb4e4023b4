"""Whether several processes are worth it for one run, from what one process takes."""

from __future__ import annotations

from engine.config import TrainingConfig
from engine.estimate.figures import Figures

WORTH_IT = 0.025
"""Seconds of an iteration below which several processes hardly gain: their messages take as long as they save.

On two cores the messages of an iteration of `deeper` took 8 ms, waiting included. On GPUs a step of several processes
is not recorded as a graph, and its launches alone take 2 to 5 ms.
"""


def advice(config: TrainingConfig, figures: Figures) -> str:
    """Return a sentence where as many runs beside each other would use the devices better; else nothing."""
    iteration = figures.image * config.batch_size + figures.step
    if config.processes == 1 or iteration >= WORTH_IT:
        return ""
    taken, runs = f"{1000 * iteration:.3g} ms", config.processes
    return (
        f"One process needs {taken} an iteration: {runs} runs beside each other use the devices better than one on all."
    )
