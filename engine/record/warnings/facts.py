"""What the checks are made from."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from engine.record.warnings.measured import Measured
from engine.record.warnings.trend import Trend

if TYPE_CHECKING:
    from engine.record.events import Evaluated, RunStarted

LEAST_ITERATIONS, MOST_ITERATIONS = 200, 2_000
"""Training for an epoch is enough to be judged; never fewer iterations than the first, or more than the second."""


@dataclass(frozen=True)
class Facts:
    """A run at one moment."""

    started: RunStarted
    trend: Trend
    measured: Measured
    newest: Evaluated | None
    """The newest evaluation, of whatever kind."""

    @property
    def enough(self) -> int:
        """Iterations after which a run should have learnt something: an epoch, and its warmup before that."""
        warmup = self.started.config.get("warmup", 0)
        epochs = float(warmup) if isinstance(warmup, int | float) else 0.0
        one = min(MOST_ITERATIONS, max(LEAST_ITERATIONS, self.started.batches))
        return one + round(epochs * self.started.batches)

    @property
    def judged(self) -> Evaluated | None:
        """The newest evaluation, if the network had trained enough by then."""
        return self.newest if self.newest is not None and self.newest.iteration >= self.enough else None
