"""A program behind a pseudo-terminal: keys go in, what it writes is read and counted."""

from __future__ import annotations

import fcntl
import os
import re
import select
import signal
import struct
import termios
import time
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import Protocol, Self

from engine.errors import EngineError

_CONTROL_SEQUENCE = re.compile(rb"\x1b(\[[0-9;?<=>]*[ $]?[@-~]|P[^\x1b]*\x1b\\|[()][A-B0-2]|[=>])")


class Process(Protocol):
    """The part of `subprocess.Popen` that is used here."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self) -> int: ...
    def send_signal(self, sig: int, /) -> None: ...


class PseudoTerminal:
    """A terminal of `columns` × `rows` for one process; used in a with block, which kills the process.

    `start` is given the file descriptor of the terminal and starts the process with it. What the process writes is read
    only inside the methods `wait_for`, `read_for` and `wait_for_end`: between them it is a terminal that does not read.
    """

    def __init__(
        self, start: Callable[[int], Process], columns: int = 80, rows: int = 24, patience: float = 120.0
    ) -> None:
        self._file, inner = os.openpty()
        self._patience = patience
        self._written = b""
        self._open = True
        self.bytes = 0
        """How many bytes the process has written so far."""
        self.resize(columns, rows)
        self.began = time.monotonic()
        try:
            self.process = start(inner)
        finally:
            os.close(inner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        if self._open:
            self.hang_up()

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def text(self) -> str:
        """What was written since the last key, without control sequences."""
        return _CONTROL_SEQUENCE.sub(b"", self._written).decode(errors="replace")

    def press(self, *keys: str) -> None:
        """Type `keys`, one after the other."""
        self._written = b""
        for key in keys:
            os.write(self._file, key.encode(errors="surrogateescape"))  # bytes that are no text, too

    def resize(self, columns: int, rows: int) -> None:
        fcntl.ioctl(self._file, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))

    def hang_up(self) -> None:
        """Close the terminal, as a lost connection does."""
        os.close(self._file)
        self._open = False

    def modes(self) -> object:
        """The terminal's settings: echo, signals, line by line."""
        return termios.tcgetattr(self._file)

    def hold(self) -> None:
        """Stop the process and those of its group."""
        os.killpg(self.pid, signal.SIGSTOP)

    def go_on(self) -> None:
        os.killpg(self.pid, signal.SIGCONT)

    def has_ended(self) -> bool:
        """Whether the process has ended; reads nothing."""
        return self.process.poll() is not None

    def wait_for(self, *texts: str, without: str | None = None) -> float:
        """Read until `text` holds all `texts`; the moment at which it did. Raises `EngineError`."""

        def shown() -> bool:
            text = self.text
            return all(expected in text for expected in texts) and (without is None or without not in text)

        return self.wait_until(shown, " and ".join(texts))

    def wait_until(self, condition: Callable[[], bool], what: str) -> float:
        """Read until a condition holds; the moment at which it did. Raises `EngineError`."""
        until = time.monotonic() + self._patience
        while not condition():
            if not self._read(min(until, time.monotonic() + 0.05)) and (self.has_ended() or time.monotonic() > until):
                why = "the program ended" if self.has_ended() else f"waited {self._patience:.0f} s"
                raise EngineError(f"The screen never showed {what}: {why}.")
        return time.monotonic()

    def read_for(self, seconds: float) -> None:
        """Read what comes for so long."""
        until = time.monotonic() + seconds
        while self._read(until):
            pass
        time.sleep(max(0.0, until - time.monotonic()))  # the program has ended

    def wait_for_end(self) -> int:
        """Read until the process has ended; its exit code. Raises `EngineError`."""
        until = time.monotonic() + self._patience
        while self._read(until):
            pass
        if time.monotonic() >= until:
            raise EngineError("The program never ended.")
        return self.process.wait()

    def _read(self, until: float) -> bool:
        """Read once, as soon as there is something; False at the time `until`, or when the program has ended."""
        if not select.select([self._file], [], [], max(0.0, until - time.monotonic()))[0]:
            return False
        content = b""
        with suppress(OSError):  # Linux: no process has the terminal any more
            content = os.read(self._file, 65_536)
        self.bytes += len(content)
        self._take(content)
        return bool(content) and time.monotonic() < until

    def _take(self, content: bytes) -> None:
        """Keep what was read."""
        self._written = (self._written + content)[-1_000_000:]
