"""The look ahead says where several processes would not be worth it."""

from __future__ import annotations

import pytest

from engine.config import TrainingConfig
from engine.estimate import Figures, advice

QUICK, SLOW = (Figures(preparing=1.0, image=image, step=0.0, look=0.0) for image in (1e-4, 1e-2))


@pytest.mark.parametrize(
    ("figures", "processes", "told"),
    [
        (QUICK, 1, ""),
        (SLOW, 2, ""),
        (
            QUICK,
            4,
            "One process needs 3.2 ms an iteration: 4 runs beside each other use the devices better than one on all.",
        ),
    ],
)
def test_where_runs_beside_each_other_are_faster(figures: Figures, processes: int, told: str) -> None:
    """A small network with small batches is told to be trained in several runs, with the time of an iteration."""
    assert advice(TrainingConfig(processes=processes), figures) == told
