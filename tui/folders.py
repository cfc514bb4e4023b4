"""Completes the path of a folder, or of a file in it, while it is typed."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Callable
from itertools import islice

from textual.message_pump import MessagePump
from textual.suggester import Suggester

from engine.files import expanded
from tui import work

MOST_ENTRIES = 5_000
"""Entries of a folder that are read to complete a name. In a larger folder a name may find no completion."""


def _no_file(name: str) -> bool:
    return False


class FolderSuggester(Suggester):
    """Suggests the first folder whose path begins with the text. `node` is the screen or app that asks.

    Files are suggested as well if `wanted` returns True for their name.

    One folder is read at a time, off the event loop, so a disk that does not answer holds one thread at most.
    """

    def __init__(self, node: MessagePump, wanted: Callable[[str], bool] = _no_file) -> None:
        super().__init__(use_cache=False, case_sensitive=True)
        self._node, self._wanted = node, wanted
        self._turn = asyncio.Lock()
        self._newest = ""

    async def get_suggestion(self, value: str) -> str | None:
        self._newest = value
        async with self._turn:
            if value != self._newest:
                return None  # more was typed while another folder was read
            found: asyncio.Future[str | None] = asyncio.get_running_loop().create_future()

            def tell(completed: str | None) -> None:
                if not found.done():  # cancelled if the line was closed meanwhile
                    found.set_result(completed)

            work.run(self._node, lambda: complete(value, self._wanted), tell, lambda error: tell(None))
            return await found


def complete(typed: str, wanted: Callable[[str], bool] = _no_file) -> str | None:
    """Return `typed` completed to the first folder, in alphabetical order, that begins so; None if there is none.

    Or to the first file, among those for whose name `wanted` returns True.

    `~` stands for the home folder. Hidden folders are found if a dot was typed. Raises `OSError` if the folder in
    which to look cannot be read.
    """
    parent, begun = os.path.split(typed)
    if not begun or "\0" in typed:
        return None
    with os.scandir(expanded(parent)) as entries:
        names = [
            entry.name
            for entry in islice(entries, MOST_ENTRIES)
            if entry.name.startswith(begun) and entry.name.isprintable() and (wanted(entry.name) or entry.is_dir())
        ]
    return os.path.join(parent, min(names)) if names else None
