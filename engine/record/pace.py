"""How fast a run is and how long it still takes, from repeated looks at its record."""

from __future__ import annotations

from collections import deque

from engine.record.events import RunStarted
from engine.record.record import RunRecord

_WINDOW = 8.0
"""Seconds that the rate is averaged over: long enough to be steady, short enough to notice a busy machine."""


class Pace:
    """Rates from repeated calls of `look`. `now` is in seconds on the clock of the run's events."""

    def __init__(self) -> None:
        self._last: tuple[float, int] | None = None
        """Time and iterations at the last look; None if the run was not training then."""
        self._trained: deque[tuple[float, int]] = deque([(0.0, 0)])
        """Seconds and iterations between looks that both saw the run training, summed up, for each look."""
        self._rate = 0.0

    def look(self, now: float, record: RunRecord) -> None:
        """Note where the run is. Can be called at any interval; a few times a second is enough."""
        if record.status != "training":
            self._last = None  # only training time counts; until there is more of it, the rate stays
            return
        last, self._last = self._last, (now, len(record.losses))
        if last is None:
            return
        seconds, iterations = self._trained[-1]
        seconds, iterations = seconds + now - last[0], iterations + len(record.losses) - last[1]
        self._trained.append((seconds, iterations))
        while len(self._trained) > 2 and seconds - self._trained[1][0] > _WINDOW:
            self._trained.popleft()
        first_seconds, first_iterations = self._trained[0]
        if seconds - first_seconds >= 0.5 and iterations > first_iterations:
            self._rate = (iterations - first_iterations) / (seconds - first_seconds)

    @property
    def iterations_per_second(self) -> float | None:
        """None until there is a rate."""
        return self._rate or None

    def images_per_second(self, record: RunRecord) -> float | None:
        """Return training images a second, or None."""
        rate, started = self.iterations_per_second, record.started
        return rate * started.images / started.batches if rate and started else None

    def seconds_left(self, now: float, record: RunRecord) -> float | None:
        """Return the time until the run ends, evaluations included. None until there is a rate, and after the end."""
        rate, started = self.iterations_per_second, record.started
        if rate is None or started is None or record.ended:
            return None
        training = max(0, record.iterations - len(record.losses)) / rate
        looks = wanted_looks(started, record.epochs)
        if record.evaluations:
            last = record.evaluations[-1]
            one = last.duration / max(1, last.total * last.views)
            looks -= sum(done.total * done.views for done in record.evaluations if not done.asked)
        else:
            # A step costs a forward and a backward pass, the backward about twice the forward.
            one = started.batches / (3 * rate * started.images)
        evaluating = max(0, looks) * one
        if record.evaluating is not None:
            evaluating -= min(evaluating, record.evaluating.images * one, max(0.0, now - record.evaluating.seconds))
        return training + evaluating


def wanted_looks(started: RunStarted, epochs: int) -> int:
    """Return how many images a run of so many epochs evaluates in all, an image counting once for each view of it."""
    config, test_images = started.config, started.dataset.test_images
    before = evaluated_while_training(
        epochs=epochs if config.get("evaluate_each_epoch", True) else 0,
        validation_images=started.validation_images,
        test_images=test_images,
    )
    return before + int(config.get("test_views", 1)) * test_images


def evaluated_while_training(*, epochs: int, validation_images: int, test_images: int) -> int:
    """Return how many images are evaluated after the given `epochs`, before the evaluation that is the run's result.

    Without validation the evaluation of the last epoch is that of the run.
    """
    return epochs * validation_images if validation_images else max(0, epochs - 1) * test_images
