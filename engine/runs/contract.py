"""What a screen or a command needs of a run, wherever that run trains."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    from pathlib import Path

    from engine.control import Request
    from engine.errors import EngineError
    from engine.record.log import RunLog


class RunView(Protocol):
    """A run in this process (`local.Run`) or in another one (`watched.WatchedRun`)."""

    @property
    def log(self) -> RunLog:
        """The events and losses so far. Make a `RunRecord` of it, and let it catch up."""

    @property
    def folder(self) -> Path:
        """The folder of the run. It may not exist yet."""

    @property
    def is_local(self) -> bool:
        """Whether the run trains in this process, so that it ends with it."""

    @property
    def error(self) -> EngineError | None:
        """Why the run failed, or why it can no longer be watched."""

    @property
    def ended(self) -> bool:
        """Whether nothing more will come: the run is over, or it can no longer be watched."""

    def seconds(self) -> float:
        """Time since the start of the run, on the clock of its events."""

    def ask(self, request: Request) -> None:
        """Pass `request` on; an event reports the outcome. Raises `RunFolderError` if a remote run cannot be asked."""

    def join(self, timeout: float | None = None) -> bool:
        """Wait for the run to end, at most `timeout` seconds. Return whether it has ended."""

    def close(self) -> None:
        """Stop watching. The run goes on, even if it is paused: there may be no screen left to end the pause."""
