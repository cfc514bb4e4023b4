"""Images in a folder, `train/<class>/*` and `test/<class>/*`, read like torchvision's ImageFolder does.

Classes and images are in ImageFolder's order. Images of another size are resized to 32×32 by bilinear interpolation,
like `torchvision.transforms.Resize` does. Unlike ImageFolder, images are turned as their EXIF orientation says. The
first reading decodes every file and writes a cache to the data folder. The cache is used as long as the path, size and
modification time of every file are the same.
"""

from __future__ import annotations

import threading
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import ExitStack
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.cache import cache_key, cache_path, is_cached, read_cache, write_cache
from engine.data.decoding import MOST_PROCESSES, Decode, decoders
from engine.data.found import Found
from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.data.sources.folder.listing import File, Listing, absolute, list_files, list_folder, problem, some
from engine.text import clean

CHUNK = 16
"""Images that are decoded before the next check for a pause or a stop."""


def load(source: str, data_dir: Path, progress: Progress) -> ImageSet:
    """Return the images in the folder `source`, from the cache in `data_dir` if the folder has not changed.

    Raises `ConstantError` if the layout of the folder is wrong or images are unreadable, and `Stopped`.
    """
    with ThreadPoolExecutor(1, "read-cache") as pool:
        # Both take a third of a second for 60,000 images, and the folder has rarely changed: read while listing.
        kept = pool.submit(read_cache, cache_file(source, data_dir))
        listing = list_folder(source)
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
    write_cache(cache_file(source, data_dir), key, image_set)
    return image_set


def find(source: str, data_dir: Path) -> Found:
    """Return what `load` will find. Raises `ConstantError`."""
    listing = list_folder(source)
    cached = is_cached(cache_file(source, data_dir), listing.key)
    return Found(
        ready=True,
        description=f"folder {clean(source)}, {'cached' if cached else 'to be read'}",
        classes=listing.names,
        train_counts=tuple(map(len, listing.train)),
        test_images=sum(map(len, listing.test)),
    )


def cache_file(source: str, data_dir: Path) -> Path:
    """Return the path of the cache file. Its name follows from the folder's path: a changed folder replaces it."""
    return cache_path(data_dir, f"folder-{cache_key(str(absolute(source)))[:16]}")


def files(source: str, part: str) -> list[list[str]]:
    """Return the paths below the folder of the images of each class in `part`. Raises `ConstantError`."""
    return list_files(source, part)


def _read(listing: Listing, progress: Progress) -> tuple[NDArray[np.uint8], tuple[str, ...]]:
    """Decode every image, on all cores. Return pixels of shape (n, 32, 32, 3), and notes for the record.

    Raises `ConstantError` with the names of unreadable images.
    """
    files = [File.of(entry) for entry in listing.entries]
    try:
        images = np.empty((len(files), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    except MemoryError:
        raise problem(f"{listing.root} holds {len(files):,} images, more than fit into memory") from None
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
                raise problem(
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
        workers = [pool.submit(work, decoder) for decoder in decoders(len(files), stack)]
        for worker in wait(workers, return_when=FIRST_EXCEPTION).done:
            worker.result()
    if unreadable:
        prefix = len(str(listing.root)) + 1
        named = [f"{files[i].path[prefix:]} ({reason})" for i, reason in sorted(unreadable.items())]
        raise problem(
            f"{listing.root} holds {len(named):,} unreadable of {len(files):,} images, to be replaced or removed:"
            f" {some(named)}"
        )
    notes = []
    if resized:
        notes.append(f"Resized to 32×32 (bilinear): {resized:,} of {len(files):,} images.")
    if turned:
        notes.append(f"Turned as their EXIF orientation says: {turned:,} of {len(files):,} images.")
    return images, tuple(notes)


def _splits(listing: Listing, images: NDArray[np.uint8]) -> tuple[Split, Split]:
    labels = [
        np.repeat(np.arange(len(listing.classes), dtype=np.int64), [len(files) for files in split])
        for split in (listing.train, listing.test)
    ]
    boundary = len(labels[0])
    return Split(images[:boundary], labels[0]), Split(images[boundary:], labels[1])
