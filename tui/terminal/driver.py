"""Textual's driver for Linux and macOS, for terminals that stall, close, hang up or send garbage."""

from __future__ import annotations

import asyncio
import os
import selectors
import shutil
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any, cast

from textual import events
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size
from textual.message import Message

from tui.terminal.link import Link
from tui.terminal.textual_private import XTermParser

_PASTE_END = "\x1b[201~"

_PASTE_PATIENCE = 50
"""Tenths of a second without input after which an unfinished paste ends. Otherwise a lost end marker would make the app
ignore every key."""


class TerminalGone(Message):
    """The terminal was closed or hung up. Goes to the app."""


class TerminalCaughtUp(Message):
    """The terminal reads again, and frames were left out meanwhile. Goes to the app."""


class Input:
    """Turns the bytes that a terminal sends into events. Never raises, whatever comes."""

    def __init__(self) -> None:
        self._parser = XTermParser()
        self._decode = getincrementaldecoder("utf-8")(errors="replace").decode
        self._quiet = 0

    def feed(self, typed: bytes) -> list[Message]:
        """The events of `typed`. Invalid UTF-8 becomes U+FFFD; what follows a sequence that the parser fails at is
        lost."""
        self._quiet = 0
        return self._parsed(self._decode(typed))

    def tick(self) -> list[Message]:
        """The events of time that passes, such as Escape pressed alone. Called every tenth of a second."""
        self._quiet += 1
        if self._quiet == _PASTE_PATIENCE:
            return self._parsed(_PASTE_END)  # does nothing outside a paste
        return list(self._parser.tick())

    def _parsed(self, text: str) -> list[Message]:
        found: list[Message] = []
        try:
            if text:  # an empty string would end the parser
                found.extend(self._parser.feed(text))
        except Exception:  # noqa: BLE001 - the parser fails in many ways, for instance at \x1b[9999999u
            self._parser = XTermParser()
        return found


class SteadyDriver(LinuxDriver):
    """Draws on stdout, and posts `TerminalCaughtUp` and `TerminalGone` to the app."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._steady_app = app
        self._event_loop = asyncio.get_running_loop()
        self._shown = self._suspended = False
        self._open_link()
        # Both are handled on the event loop. A signal may come in the middle of switching the terminal's modes, and a
        # terminal that is switched twice would be remembered, and left, in the app's own modes.
        signal.signal(signal.SIGTSTP, lambda *_: self._on_the_loop(self._stop))
        signal.signal(signal.SIGCONT, lambda *_: self._on_the_loop(self._go_on))

    def _open_link(self) -> None:
        # Textual draws on stderr, which people redirect. Stdout is known to be a terminal: see `full_screen.start`.
        assert sys.__stdout__ is not None
        self._link = Link(
            sys.__stdout__.fileno(),
            caught_up=lambda: self._post(TerminalCaughtUp()),
            gone=lambda: self._post(TerminalGone()),
        )
        self._file = cast("Any", self._link)

    def run_input_thread(self) -> None:
        """Pass on what is typed. Textual's own loop spins at end of file, and ends the app at invalid UTF-8."""
        terminal_input = Input()
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                found: list[Message] = []
                if selector.select(0.1):
                    try:
                        typed = os.read(self.fileno, 4096)
                    except OSError:
                        typed = b""
                    if not typed:
                        self._post(TerminalGone())
                        return
                    found = terminal_input.feed(typed)
                for event in found + terminal_input.tick():
                    self.process_message(event)

    def start_application_mode(self) -> None:
        self._link.keep_all(False)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Textual reads the size inside the signal handler. A second signal can interrupt the first there, and then the
        # older size is told last and stays. On the event loop, one size is read after the other.
        signal.signal(signal.SIGWINCH, lambda *_: self._on_the_loop(self._resized))
        self._shown = True

    def stop_application_mode(self) -> None:
        self._shown = False
        self._link.keep_all(True)
        super().stop_application_mode()

    def resume_application_mode(self) -> None:
        self._open_link()
        super().resume_application_mode()

    def close(self) -> None:
        super().close()
        self._link.close()

    def _stop(self) -> None:
        if self._shown:
            self.suspend_application_mode()
            self._suspended = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        if self._shown:  # SIGSTOP gives no time to give the terminal back
            self.suspend_application_mode()
        elif not self._suspended:  # the app has ended
            return
        self._suspended = False
        self.resume_application_mode()

    def _resized(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*shutil.get_terminal_size())
            self._steady_app.post_message(events.Resize(size, size))

    def _post(self, message: Message) -> None:
        self._on_the_loop(lambda: self._steady_app.post_message(message))

    def _on_the_loop(self, call: Callable[[], object]) -> None:
        if not self._event_loop.is_closed():
            self._event_loop.call_soon_threadsafe(call)
