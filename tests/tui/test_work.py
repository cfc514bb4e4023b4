"""Slow work leaves the screen answering, and what came of it is told."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest
from textual.app import App
from textual.screen import Screen

from engine.errors import EngineError
from tui import work


async def until(reached: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not reached():
            await asyncio.sleep(0.005)


async def test_a_slow_disk_leaves_the_screen_answering() -> None:
    """While the disk does not answer, the event loop goes on; the result comes to it once the disk does."""
    app: App[None] = App()
    answers = threading.Event()
    results: list[tuple[bool, threading.Thread]] = []
    async with app.run_test() as pilot:
        work.run(app, lambda: answers.wait(60), lambda r: results.append((r, threading.current_thread())))
        await pilot.press("x")  # the event loop goes on
        assert results == []
        answers.set()
        await until(lambda: bool(results))
    assert results == [(True, threading.current_thread())]


async def test_result_for_a_screen_that_is_gone() -> None:
    """What a screen asked for is dropped once the screen is closed."""
    app: App[None] = App()
    answers, answered = threading.Event(), threading.Event()
    results: list[bool] = []

    def look() -> bool:
        answers.wait(60)
        answered.set()
        return True

    async with app.run_test() as pilot:
        screen = Screen[None]()
        await app.push_screen(screen)
        work.run(screen, look, results.append)
        await app.pop_screen()
        answers.set()
        await until(answered.is_set)
        await pilot.pause()
        assert results == []


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (EngineError("It is damaged."), "It is damaged."),
        (PermissionError(13, "Permission denied", "runs"), "runs: Permission denied."),
    ],
)
async def test_a_failure_is_told(error: Exception, told: str) -> None:
    """A disk that refuses is told in words, as a notification or to whoever asked to hear of it."""

    def fail() -> None:
        raise error

    app: App[None] = App()
    heard: list[str] = []
    async with app.run_test():
        work.run(app, fail, lambda _: None)
        await until(lambda: [n.message for n in app._notifications] == [told])
        work.run(app, fail, lambda _: None, lambda e: heard.append(e.message))
        await until(lambda: heard == [told])


async def test_a_bug_is_raised_on_the_event_loop() -> None:
    """A bug in the work is reported like any other bug of the app, instead of ending a thread in silence."""

    def fail() -> None:
        raise KeyError("bug")

    async def use() -> None:
        app: App[None] = App()
        async with app.run_test():
            work.run(app, fail, lambda _: None)
            await until(lambda: app._exception is not None)

    with pytest.raises(KeyError, match="bug"):
        await use()
