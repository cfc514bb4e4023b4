"""What is measured on a machine, and the time of a whole run that follows from it."""

from __future__ import annotations

import math
from dataclasses import dataclass, fields

from engine.config import TrainingConfig
from engine.data.found import Found
from engine.record.pace import evaluated_while_training


@dataclass(frozen=True)
class Figures:
    """Seconds that the parts of a run take here, each at least 0."""

    preparing: float
    """From the start to the first batch: the device and the network made ready, thread counts tried, steps recorded.
    Reading the images is not counted."""
    image: float
    """Training on one image."""
    step: float
    """What a batch takes in addition, however large it is: the optimizer's step. 0 if it is counted with the images."""
    look: float
    """One view of one image in an evaluation."""

    def __post_init__(self) -> None:
        for each in fields(self):
            value = getattr(self, each.name)
            if not (isinstance(value, int | float) and math.isfinite(value) and value >= 0):
                raise ValueError(f"{each.name} is {value!r}, not a number of seconds")


def whole_run(config: TrainingConfig, found: Found, figures: Figures) -> float:
    """Return the seconds that a run of `config` on the images `found` takes: preparing, training and evaluations.

    With `patience` it is the most that the run can take.
    """
    images = found.train_images - config.validation
    batches = -(-images // config.batch_size)
    training = config.epochs * (images * figures.image + batches * figures.step)
    looks = evaluated_while_training(
        epochs=config.epochs if config.evaluate_each_epoch else 0,
        validation_images=config.validation,
        test_images=found.test_images,
    )
    limited = training + looks * figures.look
    if config.time_limit:
        limited = min(limited, config.time_limit)
    return figures.preparing + limited + config.test_views * found.test_images * figures.look
