"""Images in a folder, `train/<class>/*` and `test/<class>/*`, read like torchvision's ImageFolder does.

Classes and images are in ImageFolder's order. Images of another size are resized to 32×32 by bilinear interpolation,
like `torchvision.transforms.Resize` does. Unlike ImageFolder, images are turned as their EXIF orientation says. The
first reading decodes every file and writes a cache to the data folder. The cache is used as long as the path, size and
modification time of every file are the same.
"""

from __future__ import annotations

import itertools
import os
import stat
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from engine.config import CONSTANTS
from engine.data.cache import cache_key, cache_path, is_cached, read_cache, write_cache
from engine.data.decoding import Decoded, Decoder, decode
from engine.data.found import Found
from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.errors import ConstantError
from engine.files import expanded
from engine.text import clean, counted

SUFFIXES = (".jpg", ".jpeg", ".png", ".ppm", ".bmp", ".pgm", ".tif", ".tiff", ".webp")
"""Files that are read as images, as in torchvision. All others are skipped, hidden files too."""

CHUNK = 16
"""Images that are decoded before the next check for a pause or a stop."""

WORTH_A_PROCESS = 1_000
"""Images that take about as long to decode as a decoder process takes to start."""

MOST_PROCESSES = 16
"""Bounds the memory: each process may hold one image of up to `PIL.Image.MAX_IMAGE_PIXELS` (89 million) pixels."""

Decode = Callable[[Sequence[str | None], NDArray[np.uint8]], Decoded]

_ALLOWED = next(constant.allowed for constant in CONSTANTS if constant.name == "data")

NAMED = 5
"""How many entries of a list a message names."""


Entry = str
"""A file without its content: folder, name, size in bytes and modification time, separated by NUL.

A string, because the garbage collector does not track strings. 60,000 objects of another type would make it go through
all of torch's objects again and again, which takes longer than listing the folder.
"""


class _File(NamedTuple):
    folder: str
    name: str
    size: int
    changed: int
    """Nanoseconds, or -1 if it is not a regular file."""

    @classmethod
    def of(cls, entry: Entry) -> Self:
        folder, name, size, changed = entry.split("\0")
        return cls(folder, name, int(size), int(changed))

    @property
    def path(self) -> str:
        return f"{self.folder}/{self.name}"


@dataclass(frozen=True)
class _Listing:
    """The content of the folder, before any image is opened."""

    root: Path
    classes: tuple[str, ...]
    """Names of the folders, sorted."""
    train: list[list[Entry]]
    """The files of each class."""
    test: list[list[Entry]]

    @property
    def names(self) -> tuple[str, ...]:
        """The classes as they are shown: cleaned, and made distinct again."""
        names: list[str] = []
        for name in map(clean, self.classes):
            candidates = itertools.chain([name], (f"{name} ({i})" for i in itertools.count(2)))
            names.append(next(candidate for candidate in candidates if candidate not in names))
        return tuple(names)

    @property
    def entries(self) -> list[Entry]:
        """Training and then test images, class by class."""
        return [entry for entries in (*self.train, *self.test) for entry in entries]

    @property
    def key(self) -> str:
        prefix = len(str(self.root))
        return cache_key(*(entry[prefix:] for entry in self.entries))


def load(source: str, data_dir: Path, progress: Progress) -> ImageSet:
    """Return the images in the folder `source`, from the cache in `data_dir` if the folder has not changed.

    Raises `ConstantError` if the layout of the folder is wrong or images are unreadable, and `Stopped`.
    """
    with ThreadPoolExecutor(1, "read-cache") as pool:
        # Both take a third of a second for 60,000 images, and the folder has rarely changed: read while listing.
        kept = pool.submit(read_cache, _cache(_root(source), data_dir))
        listing = _list(source)
    key, cached = listing.key, kept.result()
    if cached and cached[0] == key:
        return cached[1]
    images, notes = _read(listing, progress)
    train, test = _splits(listing, images)
    names = listing.names
    image_set = ImageSet(
        name=clean(listing.root.name),
        source=clean(listing.root),
        classes=names,
        train=train,
        test=test,
        fingerprint=fingerprint(names, train, test),
        notes=notes,
    )
    write_cache(_cache(listing.root, data_dir), key, image_set)
    return image_set


def find(source: str, data_dir: Path) -> Found:
    """Return what `load` will find. Raises `ConstantError`."""
    listing = _list(source)
    cached = is_cached(_cache(listing.root, data_dir), listing.key)
    return Found(
        ready=True,
        description=f"folder {clean(source)}, {'cached' if cached else 'to be read'}",
        classes=listing.names,
        train_counts=tuple(map(len, listing.train)),
        test_images=sum(map(len, listing.test)),
    )


def _root(source: str) -> Path:
    return Path(os.path.abspath(expanded(source)))


def _cache(root: Path, data_dir: Path) -> Path:
    """The cache file. Its name follows from the folder's path, so a changed folder replaces its older cache."""
    return cache_path(data_dir, f"folder-{cache_key(str(root))[:16]}")


def _list(source: str) -> _Listing:
    """List the folder and check its layout. Raises `ConstantError`."""
    root = _root(source)
    with _reading(root):
        if not root.is_dir():
            what = "is not a folder" if root.exists() else "does not exist"
            raise _problem(f"{root} {what}; it must be {_ALLOWED}")
    splits = [root / "train", root / "test"]
    missing = [split.name for split in splits if not os.path.isdir(split)]
    if missing:
        raise _problem(f"{root} has no {'/ and no '.join(missing)}/; it must hold train/<class>/ and test/<class>/")
    train, test = ({name: _images(f"{split}/{name}") for name in _folders(split)} for split in splits)
    if train.keys() != test.keys():
        differing = [
            f"only in {there}/: {_some(sorted(names))}"
            for there, names in (("train", train.keys() - test.keys()), ("test", test.keys() - train.keys()))
            if names
        ]
        raise _problem(f"{root} has classes that differ between train/ and test/; {'; '.join(differing)}")
    if len(train) < 2:
        raise _problem(
            f"{root} has too few classes: train/ holds {counted(len(train), 'folder')}, and at least 2 are needed"
        )
    empty = [
        f"{there}/{name}" for there, split in (("train", train), ("test", test)) for name in split if not split[name]
    ]
    if empty:
        named = [f"{path} ({_other_files(root / path)})" for path in sorted(empty)]
        raise _problem(f"{root} has classes without an image: {_some(named)}. Image files end in {', '.join(SUFFIXES)}")
    classes = tuple(sorted(train))
    return _Listing(root, classes, [train[name] for name in classes], [test[name] for name in classes])


def _folders(folder: Path) -> list[str]:
    with _reading(folder), os.scandir(folder) as entries:
        return [entry.name for entry in entries if not entry.name.startswith(".") and entry.is_dir()]


def _images(folder: str) -> list[Entry]:
    """List the images below `folder` in ImageFolder's order: by folder, then by name."""
    found: list[Entry] = []
    seen: set[tuple[int, int]] = set()
    pending = [folder]
    while pending:
        current = pending.pop()
        with _reading(current):
            status = os.stat(current)
            identity = (status.st_dev, status.st_ino)
            if identity in seen:
                continue  # a link to a folder above would never end
            seen.add(identity)
            with os.scandir(current) as entries:
                for entry in entries:
                    name = entry.name
                    if name[0] == ".":
                        continue
                    if entry.is_dir():
                        pending.append(entry.path)
                    elif name.lower().endswith(SUFFIXES):
                        found.append(_entry(current, name, entry))
    return sorted(found)


def _entry(folder: str, name: str, entry: os.DirEntry[str]) -> Entry:
    try:
        status = entry.stat()
    except OSError:
        return "\0".join((folder, name, "0", "-1"))  # a dangling link
    # Not opened if it is no regular file: opening a FIFO would block.
    changed = status.st_mtime_ns if stat.S_ISREG(status.st_mode) else -1
    return "\0".join((folder, name, str(status.st_size), str(changed)))


def _other_files(folder: Path) -> str:
    """Describe the files in a class that has no image: `only .gif and .txt files`, or `empty`."""
    names = [name for _, _, names in os.walk(folder) for name in names if not name.startswith(".")]
    kinds = sorted({os.path.splitext(name)[1].lower() or "nameless" for name in names})
    return f"only {_some(kinds)} files" if kinds else "empty"


@contextmanager
def _reading(folder: str | Path) -> Iterator[None]:
    """Turn an `OSError` into the reason beside the field."""
    try:
        yield
    except OSError as error:
        raise _problem(f"{folder} cannot be read: {error.strerror or error}") from None


def _read(listing: _Listing, progress: Progress) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Decode every image, on all cores. Return pixels of shape (n, 32, 32, 3), and notes for the record.

    Raises `ConstantError` with the names of unreadable images.
    """
    files = [_File.of(entry) for entry in listing.entries]
    try:
        images = np.empty((len(files), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    except MemoryError:
        raise _problem(f"{listing.root} holds {len(files):,} images, more than fit into memory") from None
    chunks = iter([range(len(files))[start : start + CHUNK] for start in range(0, len(files), CHUNK)])
    read, resized, turned = 0, 0, 0
    unreadable: dict[int, str] = {}
    counting = threading.Lock()

    def work(decoder: Decode) -> None:
        nonlocal read, resized, turned
        for chunk in chunks:
            paths = [files[i].path if files[i].changed >= 0 else None for i in chunk]
            try:
                decoded = decoder(paths, images[chunk.start : chunk.stop])
            except EOFError:
                raise _problem(
                    f"a process that read images crashed between {files[chunk[0]].path} and {files[chunk[-1]].name}"
                ) from None
            with counting:
                read += len(chunk)
                resized += decoded.resized
                turned += decoded.turned
                unreadable.update((chunk[place], reason) for place, reason in decoded.unreadable.items())
                so_far = read
            progress("reading images", so_far, len(files), "images")

    with ThreadPoolExecutor(MOST_PROCESSES, "read-images") as pool, ExitStack() as stack:
        workers = [pool.submit(work, decoder) for decoder in _decoders(len(files), stack)]
        for worker in wait(workers, return_when=FIRST_EXCEPTION).done:
            worker.result()
    if unreadable:
        prefix = len(str(listing.root)) + 1
        named = [f"{files[i].path[prefix:]} ({reason})" for i, reason in sorted(unreadable.items())]
        raise _problem(
            f"{listing.root} holds {len(named):,} unreadable of {len(files):,} images, to be replaced or removed:"
            f" {_some(named)}"
        )
    notes = []
    if resized:
        notes.append(f"Resized to 32×32 (bilinear): {resized:,} of {len(files):,} images.")
    if turned:
        notes.append(f"Turned as their EXIF orientation says: {turned:,} of {len(files):,} images.")
    return images, tuple(notes)


def _decoders(images: int, stack: ExitStack) -> list[Decode]:
    """Return a decoder for each core, or the one of this process for few images or if no process can be started."""
    decoders: list[Decode] = []
    processes = min(_cores(), MOST_PROCESSES, images // WORTH_A_PROCESS)
    if processes > 1:
        with suppress(OSError):
            decoders.extend(stack.enter_context(Decoder()).decode for _ in range(processes))
    return decoders or [decode]


def _splits(listing: _Listing, images: NDArray[np.uint8]) -> tuple[Split, Split]:
    labels = [
        np.repeat(np.arange(len(listing.classes), dtype=np.int64), [len(files) for files in split])
        for split in (listing.train, listing.test)
    ]
    boundary = len(labels[0])
    return Split(images[:boundary], labels[0]), Split(images[boundary:], labels[1])


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _some(names: list[str]) -> str:
    more = f" and {len(names) - NAMED:,} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _problem(reason: str) -> ConstantError:
    return ConstantError({"data": reason})
