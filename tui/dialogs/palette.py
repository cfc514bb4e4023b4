"""What the command palette (Ctrl+P) offers."""

from __future__ import annotations

from textual.command import DiscoveryHit, Hits
from textual.system_commands import SystemCommandsProvider


class Actions(SystemCommandsProvider):
    """The actions of the screen and of the app, in the order of the footer. Textual's own sorts them by name."""

    async def discover(self) -> Hits:
        for title, help, callback, _ in self.app.get_system_commands(self.screen):
            yield DiscoveryHit(title, callback, help=help)
