"""Output to a terminal that may be slow, stop reading for a while, or be gone.

Textual's own writer blocks until the terminal reads, and the event loop blocks with it. A `Link` never blocks: while
the terminal does not read, frames are left out. Once it reads again, the app is asked to draw the whole screen.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable

MOST = 1 << 15
"""Bytes that may wait for the terminal: about two full screens, so that the terminal is never far behind."""


class Link:
    """The part of a text file that Textual writes to."""

    def __init__(self, descriptor: int, caught_up: Callable[[], None], gone: Callable[[], None]) -> None:
        """`caught_up` is called when the terminal reads again after frames were left out, `gone` when the terminal is
        gone. Both are called from the link's thread."""
        self._descriptor, self._caught_up, self._gone = descriptor, caught_up, gone
        self._waiting: list[bytes] = []
        self._size = 0
        self._behind = self._keeping_all = self._closed = False
        self._changed = threading.Condition()
        # A daemon thread: a terminal that never reads again must not keep the process alive.
        self._thread = threading.Thread(target=self._send, name="link", daemon=True)
        self._thread.start()

    def write(self, text: str) -> int:
        """Queue `text`, or leave it out if too much waits already. Returns at once."""
        with self._changed:
            if self._closed:
                return len(text)
            if self._size > MOST and not self._keeping_all:
                self._behind = True
                self._waiting.clear()  # whole writes, so no control sequence is cut
                self._size = 0
            if not self._behind:
                content = text.encode(errors="replace")
                self._waiting.append(content)
                self._size += len(content)
                self._changed.notify_all()
        return len(text)

    def flush(self) -> None:
        """Do nothing: every write is sent at once."""

    def fileno(self) -> int:
        return self._descriptor

    def isatty(self) -> bool:
        return os.isatty(self._descriptor)

    def keep_all(self, keeping: bool) -> None:
        """Set whether nothing may be left out, because the next writes restore the terminal."""
        with self._changed:
            self._keeping_all = keeping
            self._behind = self._behind and not keeping

    def close(self, patience: float = 1.0) -> None:
        """Accept no more text, and wait at most `patience` seconds until everything is sent."""
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
