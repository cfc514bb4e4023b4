"""A second process that ends this one after SIGTERM, should a thread hold the GIL all the while.

A signal handler in Python needs the GIL, and so does a thread. Loading a library from a network drive, or C code that
opens a file which never answers, can hold it for minutes. Python's C part of a handler still runs then: it writes the
number of the signal to a pipe. The watchdog waits at the other end.
"""

from __future__ import annotations

import os
import select
import signal
import time

from tui.terminal.deadline import TerminalModes

ENDS_WITHIN = 1.8
"""Seconds from SIGTERM to SIGKILL. More than `deadline.LEAVES_WITHIN`, after which the process exits with 143."""

_IGNORED = (
    signal.SIGINT,
    signal.SIGTERM,
    signal.SIGHUP,
    signal.SIGQUIT,
    signal.SIGPIPE,
    signal.SIGTSTP,
    signal.SIGTTIN,
    signal.SIGTTOU,
)
"""What a terminal, or a batch system, sends to every process of a group."""


def start() -> None:
    """Fork the watchdog of this process. Called first in the program: there must be no threads and no locks yet."""
    reads, writes = os.pipe()
    process, modes = os.getpid(), TerminalModes()
    if os.fork() == 0:
        try:
            os.close(writes)
            _watch(process, reads, modes)
        finally:
            os._exit(0)
    os.close(reads)
    os.set_blocking(writes, False)
    signal.set_wakeup_fd(writes, warn_on_full_buffer=False)


def _watch(process: int, reads: int, modes: TerminalModes) -> None:
    """Read the numbers of the signals that `process` gets; the end of file means that it has ended."""
    for number in _IGNORED:
        signal.signal(number, signal.SIG_IGN)
    ends_at, full_screen = None, False
    while ends_at is None or time.monotonic() < ends_at:
        patience = None if ends_at is None else max(0.0, ends_at - time.monotonic())
        if select.select([reads], [], [], patience)[0]:
            numbers = os.read(reads, 4096)
            if not numbers:
                return
            if signal.SIGTERM in numbers and ends_at is None:
                ends_at, full_screen = time.monotonic() + ENDS_WITHIN, modes.have_changed
    if os.getppid() == process:
        modes.restore(full_screen=full_screen)
        os.kill(process, signal.SIGKILL)
