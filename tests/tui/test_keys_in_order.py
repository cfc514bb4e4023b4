"""Keys that come several at once, as a slow link delivers them, do what they would do one by one."""

from __future__ import annotations

import asyncio
from typing import ClassVar

import pytest
from textual import events
from textual.app import ComposeResult
from textual.binding import BindingType
from textual.screen import ModalScreen
from textual.widgets import Button, Input

from tui.terminal import keys_in_order
from tui.terminal.keys_in_order import KeysInOrder


class Dialog(ModalScreen[None]):
    """A line and a button, which closes it."""

    def compose(self) -> ComposeResult:
        yield Input("proposal")
        yield Button("Close")

    def on_mount(self) -> None:
        self.query_one(Input).focus()

    def on_input_submitted(self, event: Input.Submitted) -> None:
        assert isinstance(self.app, Listener)
        self.app.heard.append(event.value)

    def on_button_pressed(self) -> None:
        self.dismiss(None)


class Listener(KeysInOrder):
    """Opens a dialog on `d`, and notes what it hears."""

    BINDINGS: ClassVar[list[BindingType]] = [("d", "open", "Open"), ("x", "note", "Note")]

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[str] = []

    def action_open(self) -> None:
        self.push_screen(Dialog())

    def action_note(self) -> None:
        self.heard.append("x")

    async def hears(self, *typed: events.Event) -> list[str]:
        """What is heard of what is `typed` all at once, and of an `x` behind it."""
        for event in (*typed, _key("x")):
            self.post_message(event)
        async with asyncio.timeout(60):
            while self.heard[-1:] != ["x"]:
                await asyncio.sleep(0.001)
        return self.heard


def _key(name: str) -> events.Key:
    return events.Key(name, name if len(name) == 1 else None)


def _keys(names: str) -> list[events.Event]:
    return [_key(name) for name in names.split()]


async def test_a_dialog_that_is_not_there_yet() -> None:
    """Keys for a dialog, typed before it stands, reach it in their order, and the next one the screen below it."""
    app = Listener()
    async with app.run_test():
        assert await app.hears(*_keys("d ctrl+u t a left e enter tab enter")) == ["tea", "x"]


async def test_pasted_between_keys() -> None:
    """What is pasted comes behind the keys before it, and ahead of those after it."""
    app = Listener()
    async with app.run_test():
        pasted = events.Paste("kept")
        heard = await app.hears(*_keys("d ctrl+u s"), pasted, *_keys("backspace enter tab enter"))
        assert heard == ["skep", "x"]


async def test_a_key_that_is_never_through(monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are heard even where the one before them got lost on its way."""
    monkeypatch.setattr(keys_in_order, "PATIENCE", 0.01)
    monkeypatch.setattr(KeysInOrder, "on_keys_in_order_passed", lambda app, passed: None)
    app = Listener()
    async with app.run_test():
        assert await app.hears(*_keys("a b")) == ["x"]
