"""A real terminal for tests: the program behind a pseudo-terminal, its screen read by an emulator."""

from __future__ import annotations

import os
import re
import signal
import sys
import termios
import time
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Self

import pexpect
import pyte

PATIENCE = 180.0
"""Seconds after which a test gives up on the program; no test passes or fails by how long it really takes."""

# Questions about the terminal and private modes that pyte would print as text.
_UNKNOWN_TO_PYTE = re.compile(rb"\x1b\[[<=>?][0-9;]*[ $]?[a-zA-Z]|\x1bP[^\x1b]*\x1b\\")
_KNOWN_TO_PYTE = re.compile(rb"\x1b\[\?[0-9;]*[hl]")


class Terminal:
    """`cifar-tui` with these arguments in a terminal of `columns` × `rows`; used in a with block, which ends it."""

    def __init__(
        self,
        *arguments: str,
        cwd: Path,
        columns: int = 80,
        rows: int = 24,
        patience: float = PATIENCE,
        before: tuple[str, ...] = (),
    ) -> None:
        """`before` are the words of another program that starts this one."""
        self._screen = pyte.Screen(columns, rows)
        self._stream = pyte.ByteStream(self._screen)
        self._rest = b""
        self._other_screen = False
        self._patience = patience
        variables = {**os.environ, "TERM": "xterm-256color", "COLORTERM": "truecolor"}
        variables["PYTHONPATH"] = str(Path(__file__).parents[1])
        variables.pop("NO_COLOR", None)
        words = [*before, sys.executable, "-m", "tui", *arguments]
        self._program: pexpect.spawn[bytes] = pexpect.spawn(
            *(words[0], words[1:]), cwd=cwd, env=variables, dimensions=(rows, columns), timeout=None
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if error is not None:
            print(self.text)  # pytest shows it with the failure
        self._program.close(force=True)

    @property
    def text(self) -> str:
        """What stands on the screen, a line a row."""
        return "\n".join(line.rstrip() for line in self._screen.display)

    def press(self, *keys: str) -> None:
        """Type `keys`, one after the other."""
        for key in keys:
            self._program.send(key)

    def resize(self, columns: int, rows: int) -> None:
        self._screen.resize(rows, columns)
        self._program.setwinsize(rows, columns)

    def hang_up(self) -> None:
        """Take the terminal away, as a lost connection does."""
        process = self._program.ptyproc  # type: ignore[attr-defined]  # its stubs leave it out
        process.fileobj.close()
        process.closed = True  # or pexpect would close it once more

    def modes(self) -> object:
        """How the terminal is set: echo, signals, line by line."""
        return termios.tcgetattr(self._program.child_fd)

    @property
    def on_other_screen(self) -> bool:
        """Whether the program has switched to the full screen, and not back."""
        return self._other_screen

    @property
    def pid(self) -> int:
        assert self._program.pid is not None
        return self._program.pid

    def threads(self) -> int:
        """How many threads the program has; Linux only."""
        return len(os.listdir(f"/proc/{self.pid}/task"))

    def has_ended(self) -> bool:
        """Whether the program has ended; reads nothing."""
        return not self._program.isalive()

    def terminate(self) -> None:
        """Send SIGTERM."""
        self._program.kill(signal.SIGTERM)

    def wait_for(self, *texts: str, without: str | None = None) -> str:
        """Read until all `texts` stand on the screen; what then stands there."""
        self._read_until(
            lambda: all(text in self.text for text in texts) and (without is None or without not in self.text)
        )
        return self.text

    def read_for(self, seconds: float) -> None:
        """Read what comes for so long."""
        until = time.monotonic() + seconds
        self._read_until(lambda: time.monotonic() > until)

    def wait_for_end(self) -> int:
        """Read until the program has ended; its exit code."""
        self._read_until(lambda: False, until_end=True)
        self._program.wait()
        assert self._program.exitstatus is not None, f"killed by signal {self._program.signalstatus}"
        return int(self._program.exitstatus)

    def _read_until(self, reached: Callable[[], bool], *, until_end: bool = False) -> None:
        give_up = time.monotonic() + self._patience
        while not reached():
            if time.monotonic() > give_up:
                raise AssertionError(f"waited {self._patience:.0f} s in vain; the screen shows:\n{self.text}")
            try:
                self._feed(self._program.read_nonblocking(65_536, timeout=0.1))
            except pexpect.TIMEOUT:
                continue
            except pexpect.EOF:
                if until_end or reached():
                    return
                raise AssertionError(f"the program ended; the screen shows:\n{self.text}") from None

    def _feed(self, content: bytes) -> None:
        content = self._rest + content
        for switch in re.findall(rb"\x1b\[\?1049([hl])", content):
            self._other_screen = switch == b"h"
        cut = content.rfind(b"\x1b")
        unfinished = cut >= 0 and len(content) - cut < 32 and not re.search(rb"[a-zA-Z\\~]", content[cut + 2 :])
        content, self._rest = (content[:cut], content[cut:]) if unfinished else (content, b"")
        self._stream.feed(_UNKNOWN_TO_PYTE.sub(lambda m: m[0] if _KNOWN_TO_PYTE.fullmatch(m[0]) else b"", content))
