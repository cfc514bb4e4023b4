"""The driver between Textual and the terminal: signals at any moment, and any bytes."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st
from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from tui.terminal.driver import Input, SteadyDriver


class Listener:
    """As much of an app as the driver tells of a new size."""

    def __init__(self) -> None:
        self.sizes: list[tuple[int, int]] = []

    def post_message(self, event: events.Resize) -> None:
        self.sizes.append((event.size.width, event.size.height))

    async def _post_message(self, event: events.Resize) -> None:
        self.post_message(event)


@pytest.fixture
def handlers() -> Iterator[None]:
    kept = {number: signal.getsignal(number) for number in (signal.SIGTSTP, signal.SIGCONT, signal.SIGWINCH)}
    yield
    for number, handler in kept.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("handlers")
async def test_the_last_size_is_told_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal made larger in the very moment in which the app looks at its size gets a screen of the new size."""
    sizes = iter([(1, 40), (80, 24)])

    def look() -> tuple[int, int]:
        size = next(sizes)
        if size == (1, 40):
            os.kill(os.getpid(), signal.SIGWINCH)
        return size

    monkeypatch.setattr(LinuxDriver, "start_application_mode", lambda driver: None)
    monkeypatch.setattr(shutil, "get_terminal_size", look)
    listener = Listener()
    driver = SteadyDriver(cast("App[Any]", listener))
    driver.start_application_mode()
    os.kill(os.getpid(), signal.SIGWINCH)
    async with asyncio.timeout(60):
        while len(listener.sizes) < 2:
            await asyncio.sleep(0)
    assert listener.sizes == [(1, 40), (80, 24)]
    driver.close()


@pytest.mark.usefixtures("handlers")
async def test_continued_while_the_terminal_is_given_back(monkeypatch: pytest.MonkeyPatch) -> None:
    """An app continued twice at once takes the terminal as often as it gives it back, and its modes stay known."""
    done = []

    def give_back(driver: LinuxDriver) -> None:
        done.append("given back")
        if len(done) == 2:
            os.kill(os.getpid(), signal.SIGCONT)

    monkeypatch.setattr(LinuxDriver, "start_application_mode", lambda driver: done.append("taken"))
    monkeypatch.setattr(LinuxDriver, "stop_application_mode", give_back)
    driver = SteadyDriver(cast("App[Any]", Listener()))
    driver.start_application_mode()
    os.kill(os.getpid(), signal.SIGCONT)
    async with asyncio.timeout(60):
        while len(done) < 5:
            await asyncio.sleep(0)
    assert done == ["taken", "given back", "taken", "given back", "taken"]
    driver.stop_application_mode()
    os.kill(os.getpid(), signal.SIGCONT)
    for _ in range(10):
        await asyncio.sleep(0)
    assert done[5:] == ["given back"]  # an app that has ended does not come back
    driver.close()


def keys(terminal_input: Input, typed: bytes) -> list[str]:
    """The characters that are typed or pasted, in order."""
    found: list[str] = []
    for event in terminal_input.feed(typed):
        if isinstance(event, events.Key) and event.character is not None:
            found.append(event.character)
        elif isinstance(event, events.Paste):
            found.append(event.text)
    return found


@pytest.mark.parametrize(
    ("typed", "understood"),
    [
        (b"a\xffb", ["a", "\ufffd", "b"]),
        (b"\xc3", []),  # the first half of a letter waits for the second
        (b"a\x00b", ["a", "\x00", "b"]),
        (b"\x1b[200~caf\xe9 a\x00b\x1b[201~", ["caf\ufffd ab"]),
        (b"a\x1b[9999999ub", ["a"]),
        (b"\x1b[97;5:1u", []),
    ],
)
def test_bytes_that_are_no_text(typed: bytes, understood: list[str]) -> None:
    """Invalid UTF-8, a NUL or a broken escape sequence is replaced or ignored, and the next key works."""
    terminal_input = Input()
    assert keys(terminal_input, typed) == understood
    assert keys(terminal_input, b"x")[-1:] == ["x"]


@given(st.lists(st.binary(max_size=40) | st.from_regex(rb"\x1b[\[O]?[0-9:;<?$]{0,12}[~A-Za-z]?", fullmatch=True)))
def test_any_bytes(typed: list[bytes]) -> None:
    """Whatever a noisy line sends, the app goes on and soon understands keys again."""
    terminal_input = Input()
    for part in typed:
        terminal_input.feed(part)
        terminal_input.tick()
    terminal_input.feed(b"\x1b[201~" + b"." * 40)  # completes what was left incomplete
    assert keys(terminal_input, b"x")[-1:] == ["x"]


def test_paste_that_never_ends() -> None:
    """A paste whose end was lost on the way ends by itself, and then keys work again."""
    terminal_input = Input()
    assert keys(terminal_input, b"\x1b[200~pasted") == []
    ticks = (terminal_input.tick() for _ in range(100))
    assert [event.text for found in ticks for event in found if isinstance(event, events.Paste)] == ["pasted"]
    assert keys(terminal_input, b"x") == ["x"]
