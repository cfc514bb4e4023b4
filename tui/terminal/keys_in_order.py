"""Keys are handled one after the other, in the order in which they were typed.

Textual gives a letter to the widget that has the focus, while a key that is bound to an action, such as Backspace, Tab
or Enter, first travels up to the app. Over a slow link keys come several at once, and a letter overtakes such a key.
"""

from __future__ import annotations

import asyncio
from collections import deque

from textual import events
from textual.app import App
from textual.driver import Driver
from textual.message import Message
from textual.widget import Widget

PATIENCE = 1.0
"""Seconds after which keys are held back no longer: what tells that a key is through can get lost with a screen that is
taken down, and a screen that hangs must not keep anybody from leaving."""


class KeysInOrder(App[None]):
    """Holds a key, or a paste, back until what came before it is through with all that follows from it."""

    class Passed(Message):
        """Goes from `widget` the way of its keys, behind the one that was typed: it arrives when that is through."""

        def __init__(self, typed: events.Event, widget: Widget, *, again: bool) -> None:
            """With `again`, what the key made a widget say, such as that a button was pressed, is under way."""
            super().__init__()
            self.typed, self.widget, self.again = typed, widget, again

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self._typed: deque[events.Event] = deque()
        """What was typed and is not through; the first one is being handled."""
        self._give_up: asyncio.TimerHandle | None = None

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if self._exit:  # typed for what comes after the app
            return
        self._typed.append(event)
        if len(self._typed) == 1:
            await self._handle_first()

    async def _handle_first(self) -> None:
        typed, widget = self._typed[0], self._hears()
        loop = asyncio.get_running_loop()
        self._give_up = loop.call_later(PATIENCE, self.call_later, self._hold_back_no_longer, typed)
        await super().on_event(typed)
        widget.post_message(self.Passed(typed, widget, again=True))

    async def on_keys_in_order_passed(self, passed: Passed) -> None:
        if passed.typed not in self._typed:  # given up
            return
        widget = self._hears()
        if passed.again or widget is not passed.widget:  # to another one, so that it is ready for the next key
            widget.post_message(self.Passed(passed.typed, widget, again=False))
            return
        if self._give_up is not None:
            self._give_up.cancel()
        self._typed.popleft()
        if self._typed:
            await self._handle_first()

    async def _hold_back_no_longer(self, after: events.Event) -> None:
        if after in self._typed and not self._exit:
            _, *held = self._typed
            self._typed.clear()
            for typed in held:
                await super().on_event(typed)

    def _hears(self) -> Widget:
        """Where a key would go now."""
        return self.focused or self.screen
