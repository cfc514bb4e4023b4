"""Signals: what they ask of a run, and that the process ends in time."""

from __future__ import annotations

import os
import pty
import select
import signal
import subprocess
import sys
import termios
from collections.abc import Iterator
from typing import cast

import pytest

from engine.control import Leave, Request, Stop
from engine.record.log import RunLog
from engine.runs.contract import RunView
from tui.terminal.deadline import Deadline
from tui.terminal.signals import Signals


class Asked:
    """As much of a run as signals need."""

    def __init__(self) -> None:
        self.log = RunLog()
        self.requests: list[Request] = []

    def ask(self, request: Request) -> None:
        self.requests.append(request)


@pytest.fixture
def deadlines(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[int]]:
    """The exit codes with which a deadline would have ended the process."""
    codes: list[int] = []
    monkeypatch.setattr(Deadline, "set", lambda _, code, training_began: codes.append(code))
    return codes  # type: ignore[return-value]


@pytest.mark.parametrize(
    ("numbers", "requests", "code", "ends"),
    [
        ([signal.SIGINT], [Stop()], 130, []),
        ([signal.SIGINT, signal.SIGINT], [Stop(), Leave()], 130, [130]),
        ([signal.SIGTERM], [Leave()], 143, [143]),
        ([signal.SIGINT, signal.SIGTERM], [Stop(), Leave()], 143, [143]),
        ([signal.SIGHUP, signal.SIGHUP], [], None, []),
    ],
)
def test_what_a_signal_asks(
    numbers: list[int], requests: list[Request], code: int | None, ends: list[int], deadlines: list[int]
) -> None:
    """Ctrl-C stops a run, a second one and SIGTERM leave it in time, a hang-up asks nothing."""
    run, told = Asked(), list[int]()
    before = signal.getsignal(signal.SIGTERM)
    with Signals(lambda: cast(RunView, run), told.append) as signals:
        for number in numbers:
            os.kill(os.getpid(), number)
    assert run.requests == requests
    assert (signals.exit_code, deadlines, told) == (code, ends, numbers)
    assert signal.getsignal(signal.SIGTERM) == before


HOLDS_THE_GIL = """
import ctypes, signal, sys, threading, tty
from tui.terminal import watchdog

watchdog.ENDS_WITHIN = 0.1
watchdog.start()
signal.signal(signal.SIGTERM, lambda *_: None)
if sys.stdin.isatty():
    tty.setraw(0)
    print("\\x1b[?1049h", end="")
print("ready", flush=True)
threading.Thread(target=ctypes.PyDLL(None).sleep, args=(600,)).start()
"""


def test_thread_that_holds_the_gil() -> None:
    """SIGTERM ends the process in time even if a thread holds the GIL, and leaves the terminal as it was."""
    ours, theirs = pty.openpty()
    modes = termios.tcgetattr(ours)
    process = subprocess.Popen([sys.executable, "-c", HOLDS_THE_GIL], stdin=theirs, stdout=theirs)
    os.close(theirs)
    shown = b""
    while b"ready" not in shown:
        shown += os.read(ours, 1024)
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == -signal.SIGKILL
    while b"\x1b[?1049l" not in shown:
        shown += os.read(ours, 1024)
    assert termios.tcgetattr(ours) == modes
    os.close(ours)


ENDS_ITS_SCREEN_TOO_SLOWLY = """
import signal, sys, termios, time, tty
from tui.terminal import deadline

deadline.LEAVES_WITHIN_AT_FIRST = 0.3
ends, before = deadline.Deadline(), termios.tcgetattr(0)
tty.setraw(0)
print("\x1b[?1049hready", end="", flush=True)
while sys.stdin.read(1) != "q":
    pass
ends.set(143, training_began=False)
termios.tcsetattr(0, termios.TCSANOW, before)  # as the app does before it ends its screen
time.sleep(600)
"""


def test_a_screen_that_was_about_to_end() -> None:
    """The full screen ends with the process, even if only the modes of the terminal had been put back by then."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen([sys.executable, "-c", ENDS_ITS_SCREEN_TOO_SLOWLY], stdin=theirs, stdout=theirs)
    os.close(theirs)
    shown = b""
    while b"ready" not in shown:
        shown += os.read(ours, 1024)
    os.write(ours, b"q")
    assert process.wait(60) == 143
    while b"\x1b[?1049l" not in shown:
        assert select.select([ours], [], [], 10)[0], "nothing more is said"
        shown += os.read(ours, 1024)
    os.close(ours)


def test_watchdog_ends_with_its_process() -> None:
    """A program that ends by itself leaves no process behind that would hold its output open."""
    code = "from tui.terminal import watchdog; watchdog.start(); print('done')"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "done\n"
