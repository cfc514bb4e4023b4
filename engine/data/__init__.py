"""The images of a run: CIFAR-10, a folder of images, or the demo set. Each becomes an `ImageSet`.

Each module in `sources/` is one source, found by its file's name. Any other name is the path of a folder of images.
A source is imported when it is used, so importing this package does not import numpy.
"""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from engine.config import DATA_SOURCES
from engine.data.found import Found
from engine.data.progress import Progress
from engine.files import expanded

if TYPE_CHECKING:
    from engine.data.imageset import ImageSet

__all__ = ["Found", "Progress", "cache_file", "files", "find", "load"]


class _Source(Protocol):
    """What a module in `sources/` has to define."""

    def find(self, source: str, data_dir: Path) -> Found: ...

    def load(self, source: str, data_dir: Path, progress: Progress) -> ImageSet: ...

    def cache_file(self, source: str, data_dir: Path) -> Path: ...

    def files(self, source: str, part: str) -> list[list[str]]: ...


def find(source: str, data_dir: Path) -> Found:
    """Return what `load` will find, without downloading or writing anything.

    Raises the errors of `load`, as far as they can be known beforehand.
    """
    return _source(source).find(source, expanded(data_dir))


def load(source: str, data_dir: Path, progress: Progress) -> ImageSet:
    """Return the images of `source`, a name in `DATA_SOURCES` or a folder. Downloads into `data_dir` if necessary.

    Raises `ConstantError` if a folder cannot be used, `DataError` if the images cannot be had, and `Stopped`.
    """
    return _source(source).load(source, expanded(data_dir), progress)


def cache_file(source: str, data_dir: Path) -> Path:
    """Return the path of the file in which `load` keeps the images of `source`."""
    return _source(source).cache_file(source, expanded(data_dir))


def files(source: str, part: str) -> list[list[str]]:
    """Return the files of the images of each class in `part` (`train` or `test`), as paths below the folder `source`.

    The order is that of the images. Empty if the images have no files of their own. Raises `ConstantError` if the
    folder cannot be read.
    """
    return _source(source).files(source, part)


def _source(name: str) -> _Source:
    module: _Source = importlib.import_module(f"engine.data.sources.{name if name in DATA_SOURCES else 'folder'}")
    return module
