"""Keys are handled one after the other, in the order in which they were typed.

Textual sends a letter straight to the focused widget. A key with a binding, such as Backspace, Tab or Enter, goes
through the app first. Over a slow link several keys arrive at once, and then a letter would overtake such a key.
"""

from __future__ import annotations

import asyncio
from collections import deque

from rich.console import RenderableType
from textual import events
from textual.app import App
from textual.driver import Driver
from textual.message import Message
from textual.widget import Widget

PATIENCE = 1.0
"""Seconds to wait for a key to be handled. The message that tells so can get lost with a screen that is closed, and a
screen that hangs must not lock the user in."""


class KeysInOrder(App[None]):
    """Holds back each key and each paste until the one before it, and all messages that it caused, are handled."""

    class Passed(Message):
        """Follows a key to the widget that gets it, and from there to the app. When it arrives, the key is handled."""

        def __init__(self, typed: events.Event, widget: Widget, *, again: bool) -> None:
            """With `again` it makes the trip twice: the key may have caused a message, such as a pressed button."""
            super().__init__()
            self.typed, self.widget, self.again = typed, widget, again

    def __init__(self, driver_class: type[Driver] | None = None) -> None:
        super().__init__(driver_class=driver_class)
        self._typed: deque[events.Event] = deque()
        """Keys and pastes that are not handled yet. The first one is being handled."""
        self._give_up: asyncio.TimerHandle | None = None
        self.is_leaving = False
        """Whether `exit` was called. Keys that come later are for the shell."""

    def exit(self, result: None = None, return_code: int = 0, message: RenderableType | None = None) -> None:
        self.is_leaving = True
        super().exit(result, return_code, message)

    async def on_event(self, event: events.Event) -> None:
        if not isinstance(event, events.Key | events.Paste) or event.is_forwarded:
            await super().on_event(event)
            return
        if self.is_leaving:
            return
        self._typed.append(event)
        if len(self._typed) == 1:
            await self._handle_first()

    async def _handle_first(self) -> None:
        typed, widget = self._typed[0], self._receiver()
        loop = asyncio.get_running_loop()
        self._give_up = loop.call_later(PATIENCE, self.call_later, self._release, typed)
        await super().on_event(typed)
        widget.post_message(self.Passed(typed, widget, again=True))

    async def on_keys_in_order_passed(self, passed: Passed) -> None:
        if passed.typed not in self._typed:  # it took too long
            return
        widget = self._receiver()
        # A widget that just got the focus must be ready for the next key, so the message visits it too.
        if passed.again or widget is not passed.widget:
            widget.post_message(self.Passed(passed.typed, widget, again=False))
            return
        if self._give_up is not None:
            self._give_up.cancel()
        self._typed.popleft()
        if self._typed:
            await self._handle_first()

    async def _release(self, after: events.Event) -> None:
        if after in self._typed and not self.is_leaving:
            _, *held = self._typed
            self._typed.clear()
            for typed in held:
                await super().on_event(typed)

    def _receiver(self) -> Widget:
        """The widget that would get a key now."""
        return self.focused or self.screen
