"""The private names of Textual that this program uses. No other module imports or reads one.

Any release of Textual may change them. So pyproject.toml allows one major version only, and
tests/tui/test_textual_private.py fails if one of these names goes, or if another module uses a private name.
"""

from __future__ import annotations

from typing import Any

from textual._context import active_message_pump
from textual._xterm_parser import XTermParser
from textual.app import App
from textual.drivers.linux_driver import LinuxDriver
from textual.widgets import Footer
from textual.widgets._select import SelectCurrent, SelectOverlay

__all__ = [
    "OVERRIDDEN",
    "SelectCurrent",
    "SelectOverlay",
    "XTermParser",
    "active_message_pump",
    "start_with_keys",
    "write_past_the_screen",
]

OVERRIDDEN: dict[type, frozenset[str]] = {
    App: frozenset({"_fatal_error", "_handle_exception"}),
    LinuxDriver: frozenset({"_file", "_in_band_window_resize"}),
}
"""Names that a subclass in this program overrides or reads, by the class of Textual that has them."""


def start_with_keys(footer: Footer) -> None:
    """Let `footer` show its keys with the first paint; Textual's own starts empty and paints twice."""
    footer.set_reactive(Footer._bindings_ready, True)


def write_past_the_screen(app: App[Any], sequence: str) -> None:
    """Send the terminal of `app` a control sequence that moves nothing on the screen, such as the bell."""
    if app._driver is not None and not app.is_headless:
        app._driver.write(sequence)
