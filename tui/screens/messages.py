"""What screens ask of the app: everything that concerns more than the screen itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from textual.message import Message

from engine.config import CONSTANTS

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from engine.config import TrainingConfig
    from engine.record.classified import Order
    from engine.record.record import RunRecord
    from tui.screens.selection import Among


class StartRun(Message):
    """Start a run of `config` in this process, and show it."""

    def __init__(self, config: TrainingConfig) -> None:
        super().__init__()
        self.config = config


class StartInBackground(StartRun):
    """Start a run of `config` as a process of its own, and watch it."""


class FindRate(StartRun):
    """Look for a learning rate for `config`. This starts no run."""


class OpenRun(Message):
    """Show the run in `folder`: as it trains, or its results."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder


class Compare(Message):
    """Show the runs in `folders`, two or more, side by side, in this order."""

    def __init__(self, folders: Sequence[Path]) -> None:
        super().__init__()
        self.folders = tuple(folders)


class Back(Message):
    """Close this screen and show the one it was opened from."""


class NewRun(Message):
    """Show the form, filled with the constants of a run."""

    def __init__(self, config: Mapping[str, object]) -> None:
        """`config` has the constants of that run by name."""
        super().__init__()
        self.config = config

    @property
    def constants(self) -> Mapping[str, object]:
        """The constants for a new run. The name is taken, so it is empty; where runs go is left out."""
        known = self.config
        return {c.name: known[c.name] for c in CONSTANTS if c.name in known and c.name != "runs_dir"} | {"name": ""}


class ShowResults(Message):
    """Show the results so far of the run in `record`, whose folder is `folder`. It may still train."""

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record, self.folder = record, folder


class ResumeRun(OpenRun):
    """Go on with the run in `folder` from its newest checkpoint."""


class Branch(NewRun):
    """Show the form for a run that begins where the run in `folder` is now; it has been asked for a checkpoint."""

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__(record.constants_now)
        self.folder, self.iteration = folder, len(record.losses)
        self._epochs, self._batches = record.epochs, record.started.batches if record.started else 1

    def constants_from(self, checkpoint: Path, iteration: int) -> Mapping[str, object]:
        """The constants of that run as they are now, with the epochs that were left after `iteration`."""
        left = max(1, self._epochs - iteration // self._batches)
        return {**self.constants, "epochs": left, "start_from": str(checkpoint)}


class ShowImages(Message):
    """Show the images of number `index` of `record.evaluations` in the gallery, those of `order` first.

    `true` and `predicted` are class indices: only images of one class, and those that were taken for one. `among` are
    the images that are shown at all.
    """

    def __init__(
        self,
        record: RunRecord,
        folder: Path,
        index: int,
        *,
        true: int | None = None,
        predicted: int | None = None,
        order: Order = "surely wrong",
        among: Among | None = None,
    ) -> None:
        super().__init__()
        self.record, self.folder, self.index = record, folder, index
        self.true, self.predicted, self.order, self.among = true, predicted, order, among


class ShowOwnPictures(Message):
    """Show a person's own pictures as the network of the run in `folder` sees them."""

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record, self.folder = record, folder


class Export(Message):
    """Ask for a folder and write the files of the run in `record`, whose own folder is `folder`, to it."""

    def __init__(self, record: RunRecord, folder: Path) -> None:
        super().__init__()
        self.record, self.folder = record, folder
