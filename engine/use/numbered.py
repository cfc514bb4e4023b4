"""Names for images that have no files."""

from __future__ import annotations

from collections.abc import Sequence
from typing import overload

from engine.record.events import SplitName


class Numbered(Sequence[str]):
    """Names for images that have none, counted from 0."""

    def __init__(self, split: SplitName, count: int) -> None:
        self._split, self._count = split, count

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, at: int) -> str: ...

    @overload
    def __getitem__(self, at: slice) -> list[str]: ...

    def __getitem__(self, at: int | slice) -> str | list[str]:
        if isinstance(at, slice):
            return [self[i] for i in range(*at.indices(self._count))]
        return f"{self._split} image {range(self._count)[at]:,}"
