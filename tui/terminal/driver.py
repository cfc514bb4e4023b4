"""Textual's driver for Linux and macOS, made to outlive its terminal: a stalled one, a closed one, a hung-up one."""

from __future__ import annotations

import os
import selectors
import signal
import sys
from codecs import getincrementaldecoder
from collections.abc import Callable
from typing import Any, cast

from textual import events
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.geometry import Size

from tui.terminal.link import Link


class SteadyDriver(LinuxDriver):
    """Calls the app's `terminal_caught_up` and `terminal_gone` on the app's event loop."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
        self._open_link()
        self._shown = False

    def _open_link(self) -> None:
        assert sys.__stderr__ is not None
        self._link = Link(sys.__stderr__.fileno(), self._caught_up, self._gone)
        self._file = cast("Any", self._link)

    def run_input_thread(self) -> None:
        """Pass on what is typed. Textual's own loop spins when a terminal that is gone has nothing more to say."""
        parser = XTermParser(self._debug)
        decode = getincrementaldecoder("utf-8")().decode
        with selectors.SelectSelector() as selector:
            selector.register(self.fileno, selectors.EVENT_READ)
            while not self.exit_event.is_set():
                if selector.select(0.1):
                    try:
                        typed = os.read(self.fileno, 4096)
                    except OSError:
                        typed = b""
                    if not typed:
                        self._gone()
                        return
                    for event in parser.feed(decode(typed)):
                        self.process_message(event)
                for event in parser.tick():
                    self.process_message(event)

    def start_application_mode(self) -> None:
        self._link.keep_all(False)
        super().start_application_mode()  # type: ignore[no-untyped-call]
        # Textual reads the size inside the signal's handler. A second signal can interrupt the first there, and then
        # the older size is heard of last and stays. On the event loop, one size is read after the other.
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

    # Stopping and going on are done on the event loop: a signal may come in the very middle of taking the terminal or
    # giving it back, and a terminal that is taken twice is remembered, and left, in the app's own modes.

    def _sigtstp_application(self, *signal_and_frame: Any) -> None:
        self._on_the_loop(self._stop)

    def _sigcont_application(self, *signal_and_frame: Any) -> None:
        self._on_the_loop(self._go_on)

    def _stop(self) -> None:
        if self._shown:
            self.suspend_application_mode()
            self._must_signal_resume = True
        os.kill(os.getpid(), signal.SIGSTOP)

    def _go_on(self) -> None:
        if self._shown:  # SIGSTOP gives no time to give the terminal back
            self.suspend_application_mode()
        elif not self._must_signal_resume:  # the app has ended
            return
        self.resume_application_mode()

    def _resized(self) -> None:
        if not self._in_band_window_resize:
            size = Size(*self._get_terminal_size())
            self._app.post_message(events.Resize(size, size))

    def _caught_up(self) -> None:
        self._on_the_loop(getattr(self._app, "terminal_caught_up", _nothing))

    def _gone(self) -> None:
        self._on_the_loop(getattr(self._app, "terminal_gone", _nothing))

    def _on_the_loop(self, call: Callable[[], None]) -> None:
        loop = self._app._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(call)


def _nothing() -> None:
    """For an app that does not want to know."""
