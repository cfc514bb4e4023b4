"""Progress of the loaders: what a screen gets, and how pauses and stops reach them."""

from __future__ import annotations

import threading

import pytest

from engine.control import Control, Pause, Resume, Stop
from engine.data import Progress
from engine.errors import Stopped


class Clock:
    """A clock that only moves when it is set."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_a_screen_hears_ten_times_a_second_and_never_misses_the_first_or_the_last() -> None:
    """A user sees a steady count from the first step to the last, however often a loader reports."""
    told: list[int] = []
    clock = Clock()
    progress = Progress(lambda activity, done, total, unit: told.append(done), Control(), clock)
    for done in range(1, 1001):
        clock.now = 100 + done / 1000  # a second in all
        progress("reading", done, 1000, "images")
    assert told[0] == 1
    assert told[-1] == 1000
    assert 10 <= len(told) <= 12


def test_each_activity_is_told_at_once() -> None:
    """When one activity follows another, a person sees the new one without a delay."""
    told: list[tuple[str, int, int | None, str]] = []
    progress = Progress(lambda *step: told.append(step), Control(), Clock())
    progress("downloading", 1, None, "bytes")
    progress("downloading", 2, None, "bytes")
    progress("reading", 1, 9, "images")
    assert told == [("downloading", 1, None, "bytes"), ("reading", 1, 9, "images")]


def test_what_was_told_is_not_told_again() -> None:
    """A silent host does not fill the journal with the same line."""
    told: list[int] = []
    progress = Progress(lambda activity, done, total, unit: told.append(done), Control(), Clock())
    for _ in range(3):
        progress("downloading", 5, 5, "bytes")
    assert told == [5]


def test_a_stop_reaches_the_loader() -> None:
    """A stop while images are read takes effect at once."""
    control = Control()
    progress = Progress(lambda *_: None, control)
    progress("reading", 1, 2, "images")
    control.ask(Stop())
    with pytest.raises(Stopped):
        progress("reading", 2, 2, "images")


def test_a_pause_holds_the_loader_until_it_is_lifted() -> None:
    """A paused run reads nothing, and then continues."""
    control = Control()
    held, went_on = threading.Event(), threading.Event()
    progress = Progress(lambda *_: held.set(), control)
    control.ask(Pause())

    def read() -> None:
        progress("reading", 1, 2, "images")
        went_on.set()

    loader = threading.Thread(target=read)
    loader.start()
    assert held.wait(30)
    assert not went_on.wait(0.05)
    control.ask(Resume())
    loader.join(30)
    assert went_on.is_set()
