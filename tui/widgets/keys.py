"""The line of keys at the foot of a screen."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer


class Keys(Footer):
    """Textual's footer, rebuilt only when its keys change. Textual rebuilds it whenever the focus moves.

    That more than halves the cost of moving from field to field (4 layouts and 184 applied styles become 1 and 82).
    The key of the command palette is shown if there is room for it beside the screen's own keys.
    """

    DEFAULT_CSS = """
    Keys.-compact FooterLabel { margin: 0 1 !important; }
    Keys.-compact KeyGroup.-compact { margin: 0 !important; padding-left: 0 !important; }
    """

    def __init__(self) -> None:
        super().__init__(compact=True)
        # Textual's own comes up empty and is filled after the first paint, which throws that paint away.
        self.set_reactive(Footer._bindings_ready, True)
        self._bindings_shown: list[tuple[Binding, bool]] = []

    def compose(self) -> ComposeResult:
        self._bindings_shown = _shown(self.screen)
        self._make_room()
        yield from super().compose()

    def bindings_changed(self, screen: Screen[object]) -> None:
        if _shown(screen) != self._bindings_shown:
            super().bindings_changed(screen)

    def on_resize(self, event: events.Resize) -> None:
        had_room = self.show_command_palette
        self._make_room()
        if self.show_command_palette != had_room:
            self.refresh(recompose=True)

    def _make_room(self) -> None:
        words: dict[str, str] = {}
        for binding, _ in self._bindings_shown:
            key = self.app.get_key_display(binding)
            if binding.group is not None:
                words.setdefault(binding.group.description, f" {binding.group.description} ")
                words[binding.action] = key
            else:
                words.setdefault(binding.action, f"{key} {binding.description} ")
        self.show_command_palette = (
            len("".join(words.values())) + len("^p palette ") <= (self.size or self.app.size).width
        )


def _shown(screen: Screen[object]) -> list[tuple[Binding, bool]]:
    active = screen.active_bindings.values()
    return [(key.binding, key.enabled) for key in active if key.binding.show]
