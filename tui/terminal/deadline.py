"""The last resort on leaving: whatever hangs, a terminal or a disk, the process ends in time."""

from __future__ import annotations

import os
import sys
import termios
import threading
import time
from contextlib import suppress
from typing import Any

LEAVES_WITHIN = 1.4
"""Seconds from SIGTERM to the end of the process at the latest; batch systems kill for good soon after."""

LEAVES_WITHIN_AT_FIRST = 0.4
"""Likewise before training begins. There is nothing to save yet, and torch, while it is loaded, lets no thread tell the
time for up to a second."""

_SHOW_CURSOR = b"\x1b[?25h"

_END_FULL_SCREEN = (
    b"\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?2048l\x1b[?7h\x1b[?1049l"
)
"""Ends what the app switches on: keyboard protocol, mouse, focus, pasting, the other screen."""


class Deadline:
    """Knows how the terminal was, and can end the process in time."""

    def __init__(self, *, full_screen: bool = False) -> None:
        self._farewell = (_END_FULL_SCREEN if full_screen else b"") + _SHOW_CURSOR
        self._modes: list[Any] | None = None
        with suppress(termios.error, OSError, ValueError):  # no terminal, nothing to restore
            self._modes = termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ else None

    def set(self, code: int, *, training_began: bool) -> None:
        """End the process with `code` in time, if it has not ended by itself."""
        seconds = LEAVES_WITHIN if training_began else LEAVES_WITHIN_AT_FIRST
        threading.Thread(target=self._wait, args=(code, seconds), name="deadline", daemon=True).start()

    def _wait(self, code: int, seconds: float) -> None:
        time.sleep(seconds)
        self.restore()
        os._exit(code)

    def restore(self) -> None:
        """Put the terminal back, without waiting for it."""
        if self._modes is None:
            return
        with suppress(termios.error, OSError):  # where it is gone there is nothing to put back
            termios.tcsetattr(sys.__stdin__.fileno(), termios.TCSANOW, self._modes)  # type: ignore[union-attr]
            os.set_blocking(sys.__stdout__.fileno(), False)  # type: ignore[union-attr]
            os.write(sys.__stdout__.fileno(), self._farewell)  # type: ignore[union-attr]
