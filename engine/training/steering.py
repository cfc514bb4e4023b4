"""What a person changes of a run while it trains: checked, kept, reported, and met again by a resumed run."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence

from engine.config import CONSTANTS, TrainingConfig
from engine.config.contradictions import contradictions
from engine.control import ChangeableName, Set
from engine.recipe.recipe import Recipe
from engine.record.changes import Change, in_effect, value_at
from engine.record.events import Changed, Refused, Report
from engine.training.clock import Clock

Note = Callable[[Sequence[Change]], None]
"""Writes all changes of a run that count. Returns when they are on disk, or when writing has failed."""


class Steering:
    """The constants of a run that can change, and their changes: those in effect, and those that are still to come."""

    def __init__(
        self,
        config: TrainingConfig,
        report: Report,
        clock: Clock,
        note: Note | None,
        changes: Sequence[Change],
        reported: Sequence[Change],
    ) -> None:
        """`changes` are those of a run that is resumed, and `reported` those of them that its journal has."""
        self._config, self._report, self._clock, self._note = config, report, clock, note
        self._changes = in_effect([*reported, *changes])
        self._waiting = [change for change in self._changes if change not in reported]
        """Those that are still to be reported, ordered by iteration."""
        self._recipe: Recipe | None = None

    def value(self, name: ChangeableName, iteration: int) -> int | float:
        """Return the value of a constant in the iteration after so many."""
        return value_at(name, getattr(self._config, name), self._changes, iteration)

    @property
    def reported(self) -> tuple[Change, ...]:
        """The changes in effect so far, ordered by iteration."""
        return tuple(change for change in self._changes if change not in self._waiting)

    def steer(self, recipe: Recipe) -> None:
        """Let `recipe` have the rates that follow from the changes, now and from now on."""
        self._recipe = recipe
        recipe.course.changes = self._changes

    def meet(self, iteration: int) -> None:
        """Report the changes of an earlier process that have come into effect until `iteration`."""
        while self._waiting and self._waiting[0].iteration <= iteration:
            self._tell(self._waiting.pop(0))

    def set(self, request: Set, iteration: int, done: float) -> None:
        """Change a constant after `iteration`, when so many epochs are `done`, or report why not.

        The change is written before it takes effect.
        """
        name, constant = request.name, next(each for each in CONSTANTS if each.name == request.name)
        before = self.value(name, iteration)
        try:
            after = constant.read(request.value)
        except ValueError as error:
            return self.refuse(request, iteration, str(error))
        if problem := self._problem(name, after, iteration, done):
            return self.refuse(request, iteration, problem)
        if after == before and all(each.name != name for each in self._waiting):
            return self.refuse(request, iteration, f"it is {before:g} already")
        change = Change(iteration, name, before, after)
        changes = in_effect([*self._changes, change])
        if self._note is not None:
            self._note(changes)
        self._tell(change)
        self._changes = changes
        self._waiting = [each for each in self._waiting if each in changes]
        if self._recipe is not None:
            self._recipe.course.changes = changes
        return None

    def refuse(self, request: Set, iteration: int, reason: str) -> None:
        """Report why a constant keeps its value."""
        self._report.event(
            Refused(
                seconds=self._clock.seconds(),
                iteration=iteration,
                name=request.name,
                value=float(request.value) if math.isfinite(request.value) else None,
                reason=reason,
            )
        )

    def _problem(self, name: ChangeableName, after: int | float, iteration: int, done: float) -> str:
        """Return why a run that is so far cannot have this value of a constant."""
        values: dict[str, object] = {"epochs": self.value("epochs", iteration), name: after}
        problems = contradictions(self._config.replaced(**values))
        if name == "epochs" and after < done:
            return f"{after:g} would be fewer than the {done:.1f} epochs that are done"
        return "; ".join(f"{other.replace('_', ' ')}: {reason}" for other, reason in problems.items())

    def _tell(self, change: Change) -> None:
        self._report.event(
            Changed(
                seconds=self._clock.seconds(),
                iteration=change.iteration,
                name=change.name,
                before=change.before,
                after=change.after,
            )
        )
