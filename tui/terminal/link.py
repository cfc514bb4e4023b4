"""The way to the terminal, which may be slow, stop reading for a while, or be gone.

Textual's own writer waits for the terminal, and the whole app waits for the writer. A `Link` never makes anybody wait:
where the terminal does not read it leaves frames out, and once it reads again it asks for a whole, current screen.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

MOST = 1 << 15
"""Bytes that may wait for the terminal: about two full screens, so that what it shows is never far behind."""


class Link:
    """As much of a text file as Textual writes to."""

    def __init__(self, descriptor: int, caught_up: Callable[[], None], gone: Callable[[], None]) -> None:
        """`caught_up` is called when frames were left out and the terminal reads again, `gone` when it will not read
        any more; both from the link's thread."""
        self._descriptor, self._caught_up, self._gone = descriptor, caught_up, gone
        self._waiting: list[bytes] = []
        self._size = 0
        self._behind = self._keeping_all = self._closed = False
        self._changed = threading.Condition()
        # A daemon: a terminal that never reads again must not hold up the end of the process.
        self._thread = threading.Thread(target=self._send, name="link", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Put `text` in line, or leave it out where too much waits already. Returns at once."""
        with self._changed:
            if self._closed:
                return len(text)
            if self._size > MOST and not self._keeping_all:
                self._behind = True
                self._waiting.clear()  # whole writes: no control sequence is cut
                self._size = 0
            if not self._behind:
                content = text.encode(errors="replace")
                self._waiting.append(content)
                self._size += len(content)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Nothing is held back."""

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def keep_all(self, keeping: bool) -> None:
        """Whether to leave nothing out, because what comes restores the terminal."""
        with self._changed:
            self._keeping_all = keeping
            self._behind = self._behind and not keeping

    def close(self, patience: float = 1.0) -> None:
        """Take nothing more, and wait at most so many seconds until the terminal has what waits."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()
        self._thread.join(patience)

    def _send(self) -> None:
        try:
            while True:
                with self._changed:
                    while not self._waiting and not self._closed and not self._behind:
                        self._changed.wait()
                    content, self._waiting, self._size = b"".join(self._waiting), [], 0
                    behind, self._behind = self._behind, False
                    if self._closed and not content:
                        return
                if behind and not content:
                    self._caught_up()
                rest = memoryview(content)
                while rest:
                    rest = rest[os.write(self._descriptor, rest) :]
        except OSError:
            with self._changed:
                self._closed = True
            self._gone()
