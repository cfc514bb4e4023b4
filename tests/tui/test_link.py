"""The way to the terminal: nobody waits for it, and what was left out is made good."""

from __future__ import annotations

import os
import select
import threading
from collections.abc import Iterator
from contextlib import suppress

import pytest

from tui.terminal.link import MOST, Link


class Ends:
    """A pipe in the place of a terminal, and what the link told."""

    def __init__(self) -> None:
        self.reads, self.writes = os.pipe()
        self.caught_up, self.gone = threading.Event(), threading.Event()
        self.link = Link(self.writes, self.caught_up.set, self.gone.set)

    def read(self) -> bytes:
        """What has come, which may be nothing yet."""
        return os.read(self.reads, 1 << 20) if select.select([self.reads], [], [], 0.05)[0] else b""


@pytest.fixture
def ends() -> Iterator[Ends]:
    made = Ends()
    yield made
    made.link.close(10)
    for end in (made.reads, made.writes):
        with suppress(OSError):  # the test may have closed it
            os.close(end)


def test_what_is_written_arrives_in_order(ends: Ends) -> None:
    """A terminal that reads gets everything, in order."""
    ends.link.write("one ")
    ends.link.write("zwölf\n")
    found = b""
    while not found.endswith(b"\n"):
        found += ends.read()
    assert found.decode() == "one zwölf\n"


def test_writing_to_a_terminal_that_does_not_read_never_waits(ends: Ends) -> None:
    """However much is drawn for a terminal that does not read, the app goes on, memory stays small, and the terminal is
    brought up to date once it reads."""
    frames = [f"[{number:06}]" + "x" * 4_000 for number in range(500)]
    for frame in frames:
        ends.link.write(frame)
    assert not ends.caught_up.is_set()
    found = b""
    while not ends.caught_up.is_set():
        found += ends.read()
    ends.link.write("whole screen\n")
    while not found.endswith(b"\n"):
        found += ends.read()
    assert len(found) < 500 * 4_000 / 2
    text = found.decode().removesuffix("whole screen\n")
    assert text == "".join(frames[: len(text) // len(frames[0])])  # no frame was cut


def test_what_restores_the_terminal_is_never_left_out(ends: Ends) -> None:
    """The sequences that give the terminal back arrive, even where frames were left out before."""
    for _ in range(500):
        ends.link.write("x" * 4_000)
    ends.link.keep_all(True)
    ends.link.write("restored\n")
    found = b""
    while not found.endswith(b"restored\n"):
        found += ends.read()


def test_terminal_that_is_gone_is_told_once(ends: Ends) -> None:
    """A terminal that is gone is told to the app, and what is drawn afterwards goes nowhere."""
    os.close(ends.reads)
    ends.link.write("x")
    assert ends.gone.wait(60)
    for _ in range(100):
        ends.link.write("x" * MOST)
