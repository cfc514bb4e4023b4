"""What screens ask of the app: everything that concerns more than the screen itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from engine.config import TrainingConfig
    from engine.record.record import RunRecord


class StartRun(Message):
    """Start a run of `config` in this process, and show it."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self.config = config


class StartInBackground(StartRun):
    """Start a run of `config` as a process of its own, and watch it."""


class Back(Message):
    """Close this screen and show the one it was opened from."""


class NewRun(Message):
    """Show the form, filled with the constants of the run in `record`."""

    def __init__(self, record: RunRecord) -> None:
        super().__init__()
        self.record = record


class Export(Message):
    """Ask for a folder and write the files of the run in `record`, whose own folder is `folder`, to it."""

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record, self.folder = record, folder
