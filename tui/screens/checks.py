"""The checks before a start, made off the event loop, one config at a time."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from textual.message_pump import MessagePump
from textual.timer import Timer

from engine.config import TrainingConfig
from engine.errors import ConstantError, EngineError
from engine.preflight import Check, Preflight
from engine.text import clean
from tui import work

PATIENCE = 10.0
"""Seconds that checks wait for those before them. A folder that never answers must not hold up the next checks."""


class Checks:
    """Checks the newest config that it was given.

    `look` makes the checks. It is called in a thread, since it may import torch or read a slow disk, once no other
    config was given for `pause` seconds. `tell` is called on the event loop of `node` with the config and the result;
    by then the newest config may be another one.
    """

    def __init__(
        self,
        node: MessagePump,
        look: Callable[[TrainingConfig], Preflight],
        tell: Callable[[TrainingConfig, Preflight], None],
        pause: float,
    ) -> None:
        self._node, self._look, self._tell, self._pause = node, look, tell, pause
        self._newest: TrainingConfig | None = None
        self._running: TrainingConfig | None = None
        self._timer: Timer | None = None
        """Counts down to the start of the next checks."""
        self._is_due = False
        """Whether the next checks only wait for those that are running."""

    def check(self, config: TrainingConfig | None) -> None:
        """Check `config` soon, and nothing that was given before; None: nothing."""
        self._newest = config
        self._stop_waiting()
        if config is not None and self._pause:
            self._timer = self._node.set_timer(self._pause, self._start)
        else:
            self._start()

    def _start(self, *, beside: bool = False) -> None:
        """Start the checks when those running are done; with `beside`, now."""
        self._stop_waiting()
        config = self._newest
        if config is None:
            return
        if self._running is not None and not beside:
            self._is_due = True
            self._timer = self._node.set_timer(PATIENCE, partial(self._start, beside=True))
            return
        self._running = config
        work.run(self._node, partial(_preflight, self._look, config), partial(self._done, config))

    def _done(self, config: TrainingConfig, preflight: Preflight) -> None:
        if config is self._running:
            self._running = None
        if self._is_due:
            self._start()
        self._tell(config, preflight)

    def _stop_waiting(self) -> None:
        self._is_due = False
        if self._timer is not None:
            self._timer.stop()
            self._timer = None


def _preflight(look: Callable[[TrainingConfig], Preflight], config: TrainingConfig) -> Preflight:
    """Return what `look` finds. If it fails, the failure is the only check. Not called on the event loop."""
    try:
        return look(config)
    except ConstantError as error:
        return Preflight((Check("run", False, (), tuple(error.problems)),), error.problems)
    except EngineError as error:
        return Preflight((Check("run", False, tuple(error.message.splitlines())),))
    except Exception as error:  # noqa: BLE001 - the form must stay usable
        reason = clean(f"{type(error).__name__}: {error}")
        return Preflight((Check("run", False, ("The checks before the start failed.", reason)),))
