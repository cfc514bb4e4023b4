"""A line of words to choose from, one of them chosen, with a note at its end."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from rich.cells import cell_len
from rich.text import Text
from textual import events
from textual.message import Message
from textual.reactive import reactive
from textual.widget import Widget

from tui.look.cells import fitted

_GAP = 2


class Tabs(Widget):
    """The chosen word stands out. If there is no room for all, only that one is shown, with arrows beside it."""

    ALLOW_SELECT = False
    COMPONENT_CLASSES: ClassVar[set[str]] = {"tabs--chosen", "tabs--other"}
    DEFAULT_CSS = """
    Tabs {
        height: 1;
        padding: 0 1;
        background: $background;
        & > .tabs--chosen { color: $primary; text-style: bold underline; }
        & > .tabs--other { color: $secondary; }
    }
    """

    chosen: reactive[str] = reactive("", layout=False)
    note: reactive[str] = reactive("", layout=False)

    class Chosen(Message):
        """A word was clicked."""

        def __init__(self, word: str) -> None:
            super().__init__()
            self.word = word

    def __init__(self, words: Sequence[str], chosen: str, *, id: str | None = None) -> None:
        super().__init__(id=id)
        self._words = tuple(words)
        self.set_reactive(Tabs.chosen, chosen)

    @property
    def _places(self) -> list[tuple[int, str]]:
        """The column of each word that is shown, and the word."""
        places, column = [], 0
        for word in self._words:
            places.append((column, word))
            column += cell_len(word) + _GAP
        if column - _GAP * (not self.note) + cell_len(self.note) <= self.content_size.width:
            return places
        return [(2, self.chosen)]

    def render(self) -> Text:
        width, places = self.content_size.width, self._places
        text = Text(no_wrap=True, overflow="crop")
        for column, word in places:
            text.append(" " * (column - text.cell_len))
            kind = "chosen" if word == self.chosen else "other"
            text.append(word, self.get_component_rich_style(f"tabs--{kind}", partial=True))
        if len(places) == 1 < len(self._words):
            other = self.get_component_rich_style("tabs--other", partial=True)
            text = Text.assemble(("‹ ", other), text[2:], (" ›", other), no_wrap=True, overflow="crop")
        note = fitted(self.note, max(0, width - text.cell_len - _GAP))
        text.append(" " * (width - text.cell_len - cell_len(note)))
        text.append(note, self.get_component_rich_style("tabs--other", partial=True))
        return text

    def on_click(self, event: events.Click) -> None:
        """Choose the word that was clicked; beside the only one, the word before or after it."""
        column, places = event.x - self.gutter.left, self._places
        if len(places) == 1 < len(self._words):
            at = self._words.index(self.chosen) + (-1 if column < 2 else 1)
            self.post_message(self.Chosen(self._words[at % len(self._words)]))
            return
        for start, word in places:
            if start <= column < start + cell_len(word):
                self.post_message(self.Chosen(word))
