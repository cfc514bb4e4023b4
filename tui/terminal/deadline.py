"""The last resort on leaving: if a terminal, a disk or a thread hangs, the process ends in time all the same."""

from __future__ import annotations

import os
import sys
import termios
import threading
import time
from contextlib import suppress
from typing import Any

LEAVES_WITHIN = 1.4
"""Seconds from SIGTERM to the end of the process at the latest. Batch systems send SIGKILL soon after."""

LEAVES_WITHIN_AT_FIRST = 0.4
"""Likewise before training begins. Nothing has to be saved yet, and importing torch can hold the GIL for a second."""

_CLEAR_LINE_SHOW_CURSOR = b"\r\x1b[K\x1b[?25h"
"""Removes a progress line."""

_END_FULL_SCREEN = (
    b"\x1b[<u\x1b[?1000l\x1b[?1003l\x1b[?1004l\x1b[?1006l\x1b[?1015l\x1b[?2004l\x1b[?2048l\x1b[?7h\x1b[?1049l"
)
"""Ends what the app switches on: keyboard protocol, mouse, focus events, bracketed paste, the alternate screen."""


class TerminalModes:
    """The modes of the terminal as they are now, to be put back later."""

    def __init__(self) -> None:
        self._modes: list[Any] | None = None
        with suppress(termios.error, OSError, ValueError):  # not a terminal
            self._modes = termios.tcgetattr(sys.__stdin__.fileno()) if sys.__stdin__ else None

    @property
    def have_changed(self) -> bool:
        """Whether the terminal has other modes now: a full screen is shown."""
        with suppress(termios.error, OSError, ValueError, AttributeError):  # the terminal is gone, or there is none
            return self._modes is not None and termios.tcgetattr(sys.__stdin__.fileno()) != self._modes  # type: ignore[union-attr]
        return False

    def restore(self, *, full_screen: bool) -> None:
        """Put the modes back without waiting for the terminal, and end a full screen.

        `full_screen` tells whether one was shown before. The app that ends puts the modes back first, so they alone
        do not tell whether the screen has ended, too.
        """
        if self._modes is None:
            return
        with suppress(termios.error, OSError):  # the terminal is gone
            stdin, stdout = sys.__stdin__.fileno(), sys.__stdout__.fileno()  # type: ignore[union-attr]
            full_screen = full_screen or self.have_changed
            termios.tcsetattr(stdin, termios.TCSANOW, self._modes)
            os.set_blocking(stdout, False)
            os.write(stdout, (_END_FULL_SCREEN if full_screen else b"") + _CLEAR_LINE_SHOW_CURSOR)


class Deadline:
    """Ends the process in time. Needs the GIL; `tui.terminal.watchdog` does not."""

    def __init__(self) -> None:
        self._modes = TerminalModes()

    def set(self, code: int, *, training_began: bool) -> None:
        """End the process with exit code `code`, unless it ends by itself in time."""
        seconds = LEAVES_WITHIN if training_began else LEAVES_WITHIN_AT_FIRST
        arguments = code, seconds, self._modes.have_changed
        threading.Thread(target=self._wait, args=arguments, name="deadline", daemon=True).start()

    def _wait(self, code: int, seconds: float, full_screen: bool) -> None:
        time.sleep(seconds)
        self._modes.restore(full_screen=full_screen)
        os._exit(code)
