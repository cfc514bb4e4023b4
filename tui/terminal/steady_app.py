"""Textual's app, made not to break off over what nobody sees: a list not laid out yet, a dialog on its way out."""

from __future__ import annotations

from collections.abc import Mapping

from textual._context import active_message_pump
from textual.actions import ActionParseResult
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import OptionList
from textual.worker import NoActiveWorker, get_current_worker

from tui.terminal.keys_in_order import KeysInOrder


class SteadyApp(KeysInOrder):
    """Takes keys in their order, and stays."""

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Do what a key asks for, but page through no list before it is laid out: Textual would look for its lines and
        break off."""
        if "page_" in str(action) and isinstance(default_namespace, OptionList | CommandPalette):
            lists = default_namespace.walk_children(OptionList, with_self=True)
            if not all(options.scrollable_content_region for options in lists):
                return False
        return await super().run_action(action, default_namespace, namespaces)

    def pop_screen(self) -> AwaitComplete:
        """Take the topmost screen down, where it does not itself ask for that after it was: Textual would then take the
        one below with it."""
        asks = active_message_pump.get(None)
        if isinstance(asks, Screen) and asks is not self.screen:
            return AwaitComplete()
        return super().pop_screen()

    def _handle_exception(self, error: Exception) -> None:
        # What is taken down while it is still being put up, or at work, misses its own parts: no news to anybody.
        if not self._exit and not self._comes_from_what_is_gone():
            super()._handle_exception(error)

    def _comes_from_what_is_gone(self) -> bool:
        try:
            where: object = get_current_worker().node
        except NoActiveWorker:
            where = active_message_pump.get(None)
        return isinstance(where, Widget) and set(self.screen_stack).isdisjoint(where.ancestors_with_self)
