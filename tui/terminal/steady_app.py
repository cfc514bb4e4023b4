"""Textual's app without its crashes: in lists that are not laid out yet, and in dialogs that are being closed."""

from __future__ import annotations

import sys
import tempfile
import traceback
from collections.abc import Mapping

from rich.text import Text
from textual.actions import ActionParseResult
from textual.await_complete import AwaitComplete
from textual.command import CommandPalette
from textual.dom import DOMNode
from textual.screen import Screen
from textual.widget import Widget
from textual.widgets import OptionList
from textual.worker import NoActiveWorker, get_current_worker

from engine.text import clean
from tui.terminal.colour_depth import ColourDepth
from tui.terminal.keys_in_order import KeysInOrder
from tui.terminal.textual_private import active_message_pump


class SteadyApp(KeysInOrder, ColourDepth):
    """Handles keys in their order, and survives the races of Textual that a user can run into."""

    async def run_action(
        self,
        action: str | ActionParseResult,
        default_namespace: DOMNode | None = None,
        namespaces: Mapping[str, DOMNode] | None = None,
    ) -> bool:
        """Run the action of a key. Paging through a list that is not laid out yet does nothing; Textual would crash."""
        if "page_" in str(action) and isinstance(default_namespace, OptionList | CommandPalette):
            lists = default_namespace.walk_children(OptionList, with_self=True)
            if not all(options.scrollable_content_region for options in lists):
                return False
        return await super().run_action(action, default_namespace, namespaces)

    def pop_screen(self) -> AwaitComplete:
        """Close the topmost screen. A screen that was closed already and asks again would close the one below it."""
        caller = active_message_pump.get(None)
        if isinstance(caller, Screen) and caller is not self.screen:
            return AwaitComplete()
        return super().pop_screen()

    def crash_note(self) -> str:
        """What to add to the message of a crash."""
        return ""

    def _fatal_error(self) -> None:
        # Textual would print the traceback with all local variables. The user gets one line, a bug report the file.
        error = sys.exc_info()[1]
        with tempfile.NamedTemporaryFile("w", prefix="cifar-tui-", suffix=".log", delete=False) as log:
            log.write(traceback.format_exc())
        said = f"The screen crashed: {clean(repr(error))[:200]}.{self.crash_note()} Details for a report: {log.name}"
        self.panic(Text(said))

    def _handle_exception(self, error: Exception) -> None:
        # A widget that is removed while it is still being built, or while it works, misses its own children.
        if not self.is_leaving and not self._comes_from_removed_widget():
            super()._handle_exception(error)

    def _comes_from_removed_widget(self) -> bool:
        try:
            where: object = get_current_worker().node
        except NoActiveWorker:
            where = active_message_pump.get(None)
        return isinstance(where, Widget) and set(self.screen_stack).isdisjoint(where.ancestors_with_self)
