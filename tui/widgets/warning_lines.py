"""What goes wrong with a run, above the lines that tell how it goes. Takes no room while all is well."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.widgets import Static

from engine.text import clean


class WarningLines(Static):
    """At most two rows of warnings, the plainest first."""

    DEFAULT_CSS = """
    WarningLines { height: auto; max-height: 2; padding: 0 1; color: $text-warning; display: none; }
    WarningLines.-shown { display: block; }
    """

    def __init__(self) -> None:
        super().__init__(markup=False)
        self._shown: tuple[str, ...] = ()

    def show(self, warnings: Sequence[str]) -> None:
        if tuple(warnings) != self._shown:
            self._shown = tuple(warnings)
            self.update(Content(" ".join(map(clean, warnings))))
            self.set_class(bool(warnings), "-shown")
