"""A run with what it kept on disk, for the formats that need more than its record."""

from __future__ import annotations

from contextlib import suppress
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from engine.errors import DataError, EngineError, RunFolderError
from engine.record.record import RunRecord

if TYPE_CHECKING:
    from engine.record.classified import Classified
    from engine.use.images import Shown


class Opened:
    """The run of `record` in `folder`. What is on disk is read when it is first asked for."""

    def __init__(self, record: RunRecord, folder: Path) -> None:
        self.record, self.folder = record, folder

    @cached_property
    def classified(self) -> Classified:
        """What the network made of each image in the last evaluation. Raises `RunFolderError` if it was not kept."""
        from engine.use.results import classified

        if not self.record.evaluations:
            raise RunFolderError("The run was not evaluated, so there are no predictions.")
        return classified(self.folder, self.record, len(self.record.evaluations) - 1)

    @property
    def files(self) -> tuple[str, ...]:
        """The path of each image's file below its folder; empty if they have none, or if they are gone."""
        with suppress(EngineError):
            if files := self.images.files:
                return files
        return ("",) * len(self.classified)

    @cached_property
    def images(self) -> Shown:
        """The images of `classified`. Raises `DataError` if they are gone or are others, or `RunFolderError`."""
        from engine.use.images import images

        found = self.classified
        shown = images(self.folder, self.record, self.record.evaluations[-1].split)
        if shown.labels.tolist() != found.labels.tolist():
            raise DataError("The images do not fit the predictions of this run.")
        return shown
