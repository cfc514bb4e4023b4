"""Textual's driver for Linux and macOS, made to outlive its terminal: a stalled one, a closed one, a hung-up one."""

from __future__ import annotations

import os
import selectors
import sys
from codecs import getincrementaldecoder
from typing import Any, cast

from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver

from tui.link import Link


class SteadyDriver(LinuxDriver):
    """Calls the app's `terminal_caught_up` and `terminal_gone` on the app's event loop."""

    def __init__(self, app: App[Any], **options: Any) -> None:
        super().__init__(app, **options)
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

    def stop_application_mode(self) -> None:
        self._link.keep_all(True)
        super().stop_application_mode()

    def close(self) -> None:
        super().close()
        self._link.close()

    def _caught_up(self) -> None:
        self._on_the_loop("terminal_caught_up")

    def _gone(self) -> None:
        self._on_the_loop("terminal_gone")

    def _on_the_loop(self, method: str) -> None:
        loop = self._app._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(getattr(self._app, method, _nothing))


def _nothing() -> None:
    """For an app that does not want to know."""
