"""What a person can ask of a run while it trains, and where the run looks for it.

A new request is a new frozen class in the union `Request`, and a case in `Control.ask`. A request reaches another
process through a file (`engine.storage.inbox`), which knows every class of the union.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass
from typing import Literal, Protocol, get_args

ChangeableName = Literal["learning_rate", "epochs"]

CHANGEABLE: tuple[ChangeableName, ...] = get_args(ChangeableName)
"""The constants that a run can change while it trains."""


@dataclass(frozen=True)
class Pause:
    """Wait after the current iteration, with a checkpoint."""


@dataclass(frozen=True)
class Resume:
    """End a pause."""


@dataclass(frozen=True)
class Stop:
    """End the training, then evaluate and save. A second stop leaves out the evaluation."""


@dataclass(frozen=True)
class Leave:
    """End at once with a checkpoint and without an evaluation, so that the run can be resumed later."""


@dataclass(frozen=True)
class Set:
    """Give a constant another value from the next iteration on, also in a pause."""

    name: ChangeableName
    value: int | float


@dataclass(frozen=True)
class EvaluateNow:
    """Evaluate the network as it is between two iterations, also in a pause."""


@dataclass(frozen=True)
class SaveNow:
    """Save a checkpoint between two iterations."""


Request = Pause | Resume | Stop | Leave | Set | EvaluateNow | SaveNow

Wish = Set | EvaluateNow | SaveNow
"""A request that the run carries out between two iterations and goes on."""


class Gate(Protocol):
    """Where the reading of images waits during a pause, and finds out about a stop."""

    @property
    def stops(self) -> int: ...

    def wait_while_paused(self) -> None: ...


class Control:
    """Collects requests for the run, which looks here once an iteration, a batch or a few images.

    Any thread may call `ask`, and so may a signal handler: the lock is reentrant.
    """

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._paused = False
        self._stops = 0
        self._leaving = False
        self._wishes: dict[str, Wish] = {}
        """What is still to be carried out; of several that are alike only the last."""

    def ask(self, request: Request) -> None:
        with self._changed:
            match request:
                case Pause():
                    self._paused = True
                case Resume():
                    self._paused = False
                case Stop():
                    self._stops += 1
                    self._paused = False
                case Leave():
                    self._leaving = True
                    self._paused = False
                case Set(name=name):
                    self._wishes[name] = request
                case EvaluateNow() | SaveNow():
                    self._wishes[type(request).__name__] = request
            self._changed.notify_all()

    def take(self) -> tuple[Wish, ...]:
        """Return what is to be carried out between two iterations, and forget it."""
        if not self._wishes:  # once an iteration
            return ()
        with self._changed:
            wishes, self._wishes = tuple(self._wishes.values()), {}
        return wishes

    @property
    def paused(self) -> bool:
        return self._paused

    @property
    def stops(self) -> int:
        """How often a stop was asked for. Leaving counts as two stops: no evaluation."""
        return max(2, self._stops) if self._leaving else self._stops

    @property
    def leaving(self) -> bool:
        return self._leaving

    def wait_while_paused(self) -> None:
        """Return as soon as the run is not paused. A stop ends a pause."""
        with self._changed:
            self._changed.wait_for(lambda: not self._paused)

    def wait_for_request(self) -> None:
        """Return as soon as the run is not paused, or there is something to `take`."""
        with self._changed:
            self._changed.wait_for(lambda: not self._paused or self._wishes)
