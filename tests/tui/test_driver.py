"""The driver between Textual and the terminal: signals that come at any moment."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import Iterator
from typing import Any, cast

import pytest
from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from tui.terminal.driver import SteadyDriver


class Listener:
    """As much of an app as the driver tells of a new size."""

    def __init__(self) -> None:
        self._loop = asyncio.get_running_loop()
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
async def test_the_last_size_is_heard_of_last(monkeypatch: pytest.MonkeyPatch) -> None:
    """A terminal made larger in the very moment in which the app looks at its size gets a screen of the new size."""
    sizes = iter([(1, 40), (80, 24)])

    def look(driver: SteadyDriver) -> tuple[int, int]:
        size = next(sizes)
        if size == (1, 40):
            os.kill(os.getpid(), signal.SIGWINCH)
        return size

    monkeypatch.setattr(LinuxDriver, "start_application_mode", lambda driver: None)
    monkeypatch.setattr(SteadyDriver, "_get_terminal_size", look)
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
