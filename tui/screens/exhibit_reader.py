"""Reads what the gallery shows, off the event loop: evaluations, and the images beside them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from textual.message_pump import MessagePump

from engine.errors import EngineError
from engine.record.classified import Classified
from engine.record.events import SplitName
from engine.record.record import RunRecord
from engine.use.numbered import Numbered
from tui import work
from tui.screens.exhibit import Exhibit, Sources

if TYPE_CHECKING:
    from engine.use.images import Shown


class ExhibitReader:
    """Holds what was read last. Images are read once for each split; used on the event loop only."""

    def __init__(
        self,
        node: MessagePump,
        record: RunRecord,
        folder: Path,
        sources: Sources,
        *,
        read: Callable[[], None],
        images_read: Callable[[], None],
        failed: Callable[[EngineError], None],
    ) -> None:
        """`node` is the screen that asks. `read` is called when `exhibit` is another evaluation, `images_read` when it
        has images now or is known to have none, and `failed` when an evaluation could not be read."""
        self._node, self._record, self._folder, self._sources = node, record, folder, sources
        self._read, self._images_read, self._failed = read, images_read, failed
        self.exhibit: Exhibit | None = None
        self.asked = -1
        """The evaluation that is being read, or was read last."""
        self.newest = -1
        """The largest number of an evaluation that was asked for."""
        self._shown: dict[SplitName, Shown] = {}
        self._names: dict[SplitName, Sequence[str]] = {}
        self._missing: dict[SplitName, str] = {}
        """Why there are no images."""
        self._splits: set[SplitName] = set()
        """Splits whose images are being read, or were."""

    @property
    def problem(self) -> str:
        """Why there are no pictures."""
        return self._missing.get(self.exhibit.split, "") if self.exhibit else ""

    def read(self, index: int) -> None:
        """Read evaluation number `index` of the run, in place of one that is still being read."""
        self.asked, self.newest = index, max(index, self.newest)
        if index < len(self._record.evaluations):
            self._read_images(self._record.evaluations[index].split)
        classified = partial(self._sources.classified, self._folder, self._record, index)
        work.run(self._node, classified, partial(self._take, index), partial(self._cannot, index))

    def _take(self, index: int, classified: Classified) -> None:
        if index == self.asked:
            self.exhibit = self._with_images(index, classified)
            self._read()

    def _cannot(self, index: int, error: EngineError) -> None:
        if index == self.asked:
            if self.exhibit is not None:
                self.asked = self.exhibit.index  # which stays
            self._failed(error)

    def _with_images(self, index: int, classified: Classified) -> Exhibit:
        split, count = self._record.evaluations[index].split, len(classified)
        shown = self._shown.get(split)
        if shown is not None and len(shown.images) != count:
            self._missing[split] = f"There are {len(shown.images):,} images now, and the network was given {count:,}."
            shown = None
        names = self._names.get(split) if shown is not None else None
        images = shown.images if shown is not None else None
        return Exhibit(self._record, self._folder, index, classified, names or Numbered(split, count), images)

    def _read_images(self, split: SplitName) -> None:
        if split not in self._splits:
            self._splits.add(split)
            images = partial(self._sources.images, self._folder, self._record, split)
            work.run(self._node, images, partial(self._take_images, split), partial(self._no_images, split))

    def _take_images(self, split: SplitName, shown: Shown) -> None:
        self._shown[split] = shown
        self._tell(split)
        # Listing the files takes longer than reading the images, and would slow the painting down: both want the GIL.
        names = partial(work.run, self._node, lambda: shown.names, partial(self._take_names, split))
        self._node.call_after_refresh(names)

    def _take_names(self, split: SplitName, names: Sequence[str]) -> None:
        self._names[split] = names
        self._tell(split)

    def _no_images(self, split: SplitName, error: EngineError) -> None:
        self._missing[split] = error.message
        self._tell(split)

    def _tell(self, split: SplitName) -> None:
        if self.exhibit is not None and self.exhibit.split == split:
            self.exhibit = self._with_images(self.exhibit.index, self.exhibit.classified)
            self._images_read()
