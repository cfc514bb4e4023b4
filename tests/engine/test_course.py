"""The learning rate of every iteration of a run whose constants change while it trains."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from engine.config import TrainingConfig
from engine.config.training import SCHEDULES
from engine.recipe.course import Course
from engine.record.changes import Change

BATCHES = 10


def rates(config: TrainingConfig, *changes: Change, until: float = 1.0) -> NDArray[np.float64]:
    """The rates of one group of parameters over 60 iterations."""
    course = Course(config, BATCHES)
    course.changes = changes
    return course.rates([until], 0, 60)[:, 0]


def scheduled(name: str, **constants: float) -> TrainingConfig:
    return TrainingConfig.checked({"schedule": name, "epochs": 4, "learning_rate": 0.1, **constants})


@pytest.mark.parametrize("name", SCHEDULES)
def test_another_rate_scales_the_schedule(name: str) -> None:
    """Before the change nothing differs; after it the rates are those of a run that began with the new full rate."""
    before, after = rates(scheduled(name)), rates(scheduled(name, learning_rate=0.03))
    changed = rates(scheduled(name), Change(17, "learning_rate", 0.1, 0.03))
    np.testing.assert_array_equal(changed, np.concatenate([before[:17], after[17:]]))


@pytest.mark.parametrize("name", SCHEDULES)
@pytest.mark.parametrize("epochs", [3, 6])
def test_other_epochs_move_the_end(name: str, epochs: int) -> None:
    """After the change the rates are those of a run that was so long from its start: zero from its end on."""
    before, after = rates(scheduled(name)), rates(scheduled(name, epochs=epochs))
    changed = rates(scheduled(name), Change(17, "epochs", 4, epochs))
    np.testing.assert_array_equal(changed, np.concatenate([before[:17], after[17:]]))
    assert not changed[BATCHES * epochs :].any()
    assert changed[17 : BATCHES * epochs].all()


def test_several_changes() -> None:
    """Each change counts from its own iteration on, two at the same iteration together."""
    changes = [
        Change(5, "learning_rate", 0.1, 0.2),
        Change(20, "epochs", 4, 6),
        Change(20, "learning_rate", 0.2, 0.05),
    ]
    parts = [
        rates(scheduled("linear"))[:5],
        rates(scheduled("linear", learning_rate=0.2))[5:20],
        rates(scheduled("linear", learning_rate=0.05, epochs=6))[20:],
    ]
    np.testing.assert_array_equal(rates(scheduled("linear"), *changes), np.concatenate(parts))


def test_a_change_after_the_last_iteration() -> None:
    """A run that is made longer when it has done its last iteration goes on with the schedule of the longer run."""
    changed = rates(scheduled("linear"), Change(40, "epochs", 4, 6))
    np.testing.assert_array_equal(changed[40:], rates(scheduled("linear", epochs=6))[40:])
    assert changed[40:].all()


def test_what_has_stopped_learning_does_not_begin_again() -> None:
    """Parameters that learn in the first part of a run keep its end, unless the run becomes longer before it."""
    late = rates(scheduled("constant"), Change(25, "epochs", 4, 6), until=0.5)
    np.testing.assert_array_equal(late, rates(scheduled("constant"), until=0.5))
    early = rates(scheduled("constant"), Change(15, "epochs", 4, 6), until=0.5)
    assert np.flatnonzero(early)[-1] == 29


def test_a_part_has_the_rates_of_the_whole() -> None:
    """A resumed run has the rates, bit for bit, of one that was not interrupted."""
    course = Course(scheduled("cosine"), BATCHES)
    course.changes = [Change(17, "learning_rate", 0.1, 0.03)]
    np.testing.assert_array_equal(course.rates([1.0, 0.4], 12, 20), course.rates([1.0, 0.4], 0, 60)[12:32])
