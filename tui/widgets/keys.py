"""The line of keys at the foot of a screen."""

from __future__ import annotations

from textual import events
from textual.app import ComposeResult
from textual.binding import Binding
from textual.screen import Screen
from textual.widgets import Footer

from tui.terminal.textual_private import start_with_keys

_KEPT = {"app.help", "app.leave"}
"""Actions whose keys are always shown."""


class Keys(Footer):
    """Textual's footer, rebuilt only when its keys change. Textual rebuilds it whenever the focus moves.

    That more than halves the cost of moving from field to field (4 layouts and 184 applied styles become 1 and 82).
    If there is not enough room, the key of the command palette is left out, then the screen's last keys; those for help
    and leaving stay. The help lists them all.
    """

    DEFAULT_CSS = """
    Keys.-compact FooterLabel { margin: 0 1 !important; }
    Keys.-compact KeyGroup.-compact { margin: 0 !important; padding-left: 0 !important; }
    """

    def __init__(self, *, elsewhere: str = "") -> None:
        """Keys whose action begins with `elsewhere` are left out, because the screen shows them in another place."""
        super().__init__(compact=True)
        self._elsewhere = elsewhere
        start_with_keys(self)
        self._bindings_shown: list[tuple[Binding, bool]] = []
        self._left_out: set[str] = set()
        """Actions whose keys do not fit."""

    def compose(self) -> ComposeResult:
        self._bindings_shown = self._shown(self.screen)
        self._make_room()
        left_out = False
        for widget in super().compose():
            action = getattr(widget, "action", None)
            if action is not None:  # the label of a group has none: it follows its keys
                left_out = action in self._left_out or bool(self._elsewhere and action.startswith(self._elsewhere))
            widget.display = not left_out
            yield widget

    def bindings_changed(self, screen: Screen[object]) -> None:
        if self._shown(screen) != self._bindings_shown:
            super().bindings_changed(screen)

    def on_resize(self, event: events.Resize) -> None:
        before = self.show_command_palette, self._left_out
        self._make_room()
        if (self.show_command_palette, self._left_out) != before:
            self.refresh(recompose=True)

    def _make_room(self) -> None:
        """Decide which keys are shown in the width there is."""
        entries: dict[str, list[str]] = {}  # the texts of a key or a group of keys, by its description
        actions: dict[str, set[str]] = {}
        for binding, _ in self._bindings_shown:
            name = binding.group.description if binding.group else binding.description
            texts, known = entries.setdefault(name, [f" {name} "]), actions.setdefault(name, set())
            if binding.action not in known:
                texts.append(self.app.get_key_display(binding))
                known.add(binding.action)
        cells = {name: len("".join(texts)) for name, texts in entries.items()}
        room = (self.size or self.app.size).width - sum(cells.values())
        self.show_command_palette = room >= len("^p palette ")
        self._left_out = set()
        for name in reversed(cells):
            if room < 0 and not actions[name] & _KEPT:
                self._left_out |= actions[name]
                room += cells[name]

    def _shown(self, screen: Screen[object]) -> list[tuple[Binding, bool]]:
        active = screen.active_bindings.values()
        return [
            (key.binding, key.enabled) for key in active if key.binding.show and not self._is_elsewhere(key.binding)
        ]

    def _is_elsewhere(self, binding: Binding) -> bool:
        return bool(self._elsewhere) and binding.action.startswith(self._elsewhere)
