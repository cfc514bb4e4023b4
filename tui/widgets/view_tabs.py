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

    @property
    def _places(self) -> list[tuple[int, str, str]]:
        """The column of each view, its name and its text beside the key: none of those not shown, if room is scarce."""
        for brief in (False, True):
            places, column = [], 0
            for name in self.views:
                text = "" if brief and name not in self.shown else f" {name.capitalize()}"
                places.append((column, name, text))
                column += len(self._keys[name]) + len(text) + _GAP
            if column - _GAP <= self.content_size.width:
                break
        return places

    def render(self) -> Text:
        colours = self.app.theme_variables
        here = Style(color=colours["foreground"], bold=True, underline=True)
        text = Text(no_wrap=True, overflow="crop")
        for column, name, label in self._places:
            text.append(" " * (column - text.cell_len))
            text.append(self._keys[name], Style(color=colours["primary"], bold=True))
            if label:
                text.append(" ")
                text.append(label[1:], here if name in self.shown else None)
        return text

    def on_click(self, event: events.Click) -> None:
        at = event.get_content_offset(self)
        for column, name, label in self._places:
            if at is not None and column <= at.x < column + len(self._keys[name]) + len(label):
                self.post_message(self.Chosen(name))
