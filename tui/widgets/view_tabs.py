"""The line that names the views of a screen, each with its key."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from rich.style import Style
from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

_GAP = 2
"""Cells between two names."""


class ViewTabs(Widget):
    """One line: the views that can be shown, those that are shown now in another colour. A click works like the key."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    ViewTabs { height: 1; padding: 0 1; color: $text-muted; }
    """

    views: reactive[tuple[str, ...]] = reactive(())
    """Names of the views that can be shown, in order."""
    shown: reactive[Collection[str]] = reactive(())

    class Chosen(Message):
        """A click on the name of a view."""

        def __init__(self, view: str) -> None:
            super().__init__()
            self.view = view

    def __init__(self, keys: Mapping[str, str]) -> None:
        """`keys` holds the key of each view by its name."""
        super().__init__()
        self._keys = keys

    def render(self) -> Text:
        colours = self.app.theme_variables
        text = Text(no_wrap=True, overflow="crop")
        for name in self.views:
            text.append(" " * _GAP if text else "")
            text.append(self._keys[name], Style(color=colours["primary"], bold=True))
            text.append(" ")
            here = Style(color=colours["foreground"], bold=True, underline=True)
            text.append(name.capitalize(), here if name in self.shown else None)
        return text

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        end = 0
        for name in self.views:
            start, end = end, end + len(self._keys[name]) + 1 + len(name)
            if at is not None and start <= at.x < end:
                self.post_message(self.Chosen(name))
            end += _GAP
