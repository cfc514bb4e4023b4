"""The keys that steer a run while it trains: another learning rate, other epochs, an evaluation or a checkpoint now."""

from __future__ import annotations

from abc import abstractmethod

from textual.binding import Binding, BindingType

from engine.config import CONSTANTS
from engine.control import CHANGEABLE, ChangeableName, EvaluateNow, SaveNow, Set
from engine.record.events import Changed, Event, Refused
from tui.dialogs.new_constants import NewConstants, Values
from tui.screens.requests import Requests

QUARTER = 1.25
"""What the learning rate is multiplied or divided by, so that one key undoes the other."""

_RATE = Binding.Group("Rate", compact=True)
_NOW = Binding.Group("Now", compact=True)
"""Keys that stand together in the footer."""

STEERING_BINDINGS: list[BindingType] = [
    Binding(
        "less_than_sign",
        "steer_rate(-1)",
        "Lower rate",
        key_display="<",
        tooltip="Lower the learning rate by a fifth, from the next iteration on",
        group=_RATE,
    ),
    Binding(
        "greater_than_sign",
        "steer_rate(1)",
        "Higher rate",
        key_display=">",
        tooltip="Raise the learning rate by a quarter, from the next iteration on",
        group=_RATE,
    ),
    Binding("c", "steer_constants", "Change", tooltip="Another learning rate or other epochs, typed"),
    Binding(
        *("v", "steer_evaluate", "Evaluate"),
        tooltip="Evaluate the network as it is now; the training goes on",
        group=_NOW,
    ),
    Binding("k", "steer_save", "Save", tooltip="Save a checkpoint now", group=_NOW),
    Binding(
        *("b", "steer_branch", "Branch"),
        tooltip="A new run that begins with the weights of now; this one goes on",
        group=_NOW,
    ),
]
"""For the `BINDINGS` of a screen that inherits `Steering`."""


class Steering(Requests):
    """The actions of `STEERING_BINDINGS`, for the screen of one run that trains."""

    _wanted: Values | None = None
    """What was asked for and not answered yet."""

    def can_steer(self) -> bool:
        """Whether the run can act on the keys now."""
        return self.record.started is not None and not self.record.ended and self.record.stopping is None

    @property
    def awaits_answer(self) -> bool:
        return bool(self._wanted) or super().awaits_answer

    def take_answer(self, event: Event) -> None:
        """Take note of the run's answer, and tell a refusal."""
        if self._wanted is None or not isinstance(event, Changed | Refused) or event.name not in self._wanted:
            return
        if isinstance(event, Refused):
            label = event.name.replace("_", " ").capitalize()
            self.app.notify(f"{label} unchanged: {event.reason}.", severity="warning", markup=False)
            del self._wanted[event.name]
        elif event.after == self._wanted[event.name]:
            del self._wanted[event.name]

    def forget_requests(self) -> None:
        super().forget_requests()
        self._wanted = None

    def action_steer_rate(self, direction: int) -> None:
        # Several presses before the run answers add up.
        rate = float(self._value("learning_rate")) * QUARTER**direction
        self._set({"learning_rate": float(f"{rate:.3g}")})

    def action_steer_constants(self) -> None:
        started = self.record.started
        assert started is not None
        self.app.push_screen(
            NewConstants(
                {name: self._value(name) for name in CHANGEABLE},
                len(self.record.losses) / started.batches,
                scheduled=started.config.get("schedule", "constant") != "constant"
                or bool(started.config.get("warmup")),
            ),
            lambda values: self._set(values or {}),
        )

    def action_steer_evaluate(self) -> None:
        self.ask(EvaluateNow())

    def action_steer_save(self) -> None:
        self.ask(SaveNow())

    @abstractmethod
    def action_steer_branch(self) -> None:
        """Ask for a checkpoint, and for the form of a run that begins with it."""

    def _value(self, name: ChangeableName) -> int | float:
        """The value of a constant as it is, or will be when the run has acted on what was asked."""
        if self._wanted and name in self._wanted:
            return self._wanted[name]
        value = self.record.constants_now.get(name, 0)
        return value if isinstance(value, int | float) else 0

    def _set(self, values: Values) -> None:
        for name, value in values.items():
            try:
                read = next(each for each in CONSTANTS if each.name == name).read(value)
            except ValueError as error:
                label = name.replace("_", " ").capitalize()
                self.app.notify(f"{label} unchanged: {error}.", severity="warning", markup=False)
                continue
            self._wanted = {**(self._wanted or {}), name: read}
            self.ask(Set(name, read))
