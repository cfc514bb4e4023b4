"""Going on with an interrupted run: from its newest whole checkpoint, with the same constants and images."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Self

from engine.config import CONSTANTS, TrainingConfig
from engine.errors import RunFolderError
from engine.record.events import DatasetInfo, Evaluated
from engine.record.log import RunLog
from engine.storage.folder import RunFolder
from engine.storage.layout import CHECKPOINTS
from engine.storage.tail import Tail, read

if TYPE_CHECKING:
    from engine.storage.checkpoint import Checkpoint, Origin

_PLACES = {constant.name for constant in CONSTANTS if constant.group == "run" or constant.type is Path} | {"data"}
"""Constants that say where things are. They may change; the images are compared by what they are."""


@dataclass(frozen=True)
class Interrupted:
    """A run that is to be resumed, with its folder locked. Nothing is changed before `go_back`."""

    folder: RunFolder
    config: TrainingConfig
    """The constants as this process needs them: with the paths that are right here."""

    @classmethod
    def hold(cls, path: Path) -> Self:
        """Lock the run in `path`. Raises `RunFolderError` if it is live, complete or damaged."""
        folder = RunFolder.hold(path)
        try:
            config = folder.recorded.resolved(path)
            if _is_complete(path):
                raise RunFolderError(f"The run {path.name} is complete: there is nothing to resume.")
        except BaseException:
            folder.close()
            raise
        return cls(folder, config)

    def checkpoint(self) -> Checkpoint | None:
        """Return the newest whole checkpoint whose journal and losses are still there, or None to start again.

        Raises `RunFolderError`, with the differences, if the constants are not those of the checkpoint.
        """
        from engine.storage import checkpoint

        for kept in checkpoint.whole(self.folder.path / CHECKPOINTS):
            if self.folder.holds(kept.state.journal_bytes, kept.state.position.iteration):
                same_constants(kept.state.origin, self.folder.recorded.constants)
                return kept
        return None

    def go_back(self, kept: Checkpoint | None, log: RunLog) -> None:
        """Remove everything after `kept` from the folder, and fill `log` with what remains. Raises `RunFolderError`."""
        from engine.storage import checkpoint, predictions

        path = self.folder.path
        journal_bytes, iterations = (kept.state.journal_bytes, kept.state.position.iteration) if kept else (0, 0)
        try:
            self.folder.cut(journal_bytes, iterations)
            checkpoint.drop_newer(path / CHECKPOINTS, kept)
            if kept is not None:
                with Tail(path) as tail:
                    tail.catch_up()
                    log.begin_with(tail.log)
            predictions.drop_newer(path, [event for event in log.events if isinstance(event, Evaluated)])
        except OSError as error:
            raise RunFolderError(f"{path} cannot be written to: {error.strerror}.") from None


def _is_complete(path: Path) -> bool:
    try:
        return read(path, losses=False).status == "completed"
    except RunFolderError:  # the damage may be after the checkpoint, and is removed then
        return False


def same_constants(origin: Origin, recorded: Mapping[str, object]) -> None:
    """Raise `RunFolderError`, with the differences, if a run's constants are not those of its checkpoint."""
    then, now = ({k: v for k, v in of.items() if k not in _PLACES} for of in (origin.config, recorded))
    _same("constants", then, now)


def same_images(origin: Origin, found: DatasetInfo) -> None:
    """Raise `RunFolderError`, with the differences, if the images are not those of the checkpoint."""
    names = ("fingerprint", "train_images", "test_images", "classes")
    then, now = ({name: getattr(info, name) for name in names} for info in (origin.dataset, found))
    _same("images", then, now)


def _same(what: str, then: Mapping[str, object], now: Mapping[str, object]) -> None:
    different = [
        f"{name} was {then.get(name, 'not there')}, is {now.get(name, 'not there')}"
        for name in {**then, **now}
        if then.get(name) != now.get(name)
    ]
    if different:
        raise RunFolderError(f"The {what} of this run have changed, so it cannot be resumed: {'; '.join(different)}.")
