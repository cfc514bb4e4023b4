"""The cache of image sets in the data folder: one safetensors file a source, so that the next reading is instant.

A key in the file's header stands for the state of the source, so a changed source is noticed without reading the
pixels. A file that is damaged, or is not a regular file, is ignored: the caller reads the source again.
"""

from __future__ import annotations

import glob
import hashlib
import json
import math
import os
import threading
from contextlib import suppress
from io import BufferedReader
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import save_file

from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint
from engine.files import open_regular

FORMAT = "cifar-tui images 2"
"""Raise the number when images are decoded differently: older caches are then read again from their source."""

_TYPES = {"U8": "u1", "I64": "<i8"}
"""The types of the stored tensors: safetensors' name and NumPy's."""

_LARGEST_HEADER = 100_000_000
"""Bytes; the limit of safetensors itself."""

_UNUSABLE = (OSError, ValueError, KeyError, TypeError, RecursionError, MemoryError)
"""What reading a damaged file can raise."""


def cache_path(data_dir: Path, name: str) -> Path:
    """Return the path of the cache file for the source `name`."""
    return data_dir / "cache" / f"{name}.safetensors"


def cache_key(*parts: str) -> str:
    """Return the SHA-256 of a source's description as hexadecimal digits."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def is_cached(path: Path, key: str) -> bool:
    """Whether the header of `path` has this key. Does not read the images."""
    try:
        with _opened(path) as file:
            return _key(_header(file)) == key
    except _UNUSABLE:
        return False


def read_cache(path: Path, key: str | None = None) -> tuple[str, ImageSet] | None:
    """Return the key and the images in `path`, or None if the file is damaged or has another key than `key`.

    Takes 0.3 s for 60,000 images, most of it in calls that release the GIL.
    """
    try:
        with _opened(path) as file:
            header = _header(file)
            found = _key(header)
            if key not in (None, found):
                return None
            about = json.loads(header["__metadata__"]["about"])
            start, size = file.tell(), os.fstat(file.fileno()).st_size
            train, test = (
                Split(*(_tensor(file, header[f"{name}.{part}"], start, size) for part in ("images", "labels")))
                for name in ("train", "test")
            )
        image_set = ImageSet(
            name=about["name"],
            source=about["source"],
            classes=tuple(about["classes"]),
            train=train,
            test=test,
            fingerprint=about["fingerprint"],
            notes=tuple(about["notes"]),
        )
        return (found, image_set) if _is_intact(image_set) else None
    except _UNUSABLE:
        return None


def read_split(path: Path, fingerprint: str, name: Literal["train", "test"]) -> Split | None:
    """Return the training or the test images in `path`, or None if the file is damaged or holds others.

    `fingerprint` is that of the whole image set, as the file tells it: the pixels are not hashed. So this reads a sixth
    of CIFAR-10 in some 20 ms. For pictures that are only looked at.
    """
    try:
        with _opened(path) as file:
            header = _header(file)
            about = json.loads(header["__metadata__"]["about"])
            if about["fingerprint"] != fingerprint:
                return None
            start, size = file.tell(), os.fstat(file.fileno()).st_size
            split = Split(*(_tensor(file, header[f"{name}.{part}"], start, size) for part in ("images", "labels")))
            return split if _has_images(split, len(about["classes"])) else None
    except _UNUSABLE:
        return None


def write_cache(path: Path, key: str, image_set: ImageSet) -> None:
    """Write the images to `path`. A failure is ignored: the next run then reads the source again."""
    about = {
        "name": image_set.name,
        "source": image_set.source,
        "classes": image_set.classes,
        "fingerprint": image_set.fingerprint,
        "notes": image_set.notes,
    }
    tensors = {
        f"{name}.{part}": np.ascontiguousarray(getattr(split, part))
        for name, split in (("train", image_set.train), ("test", image_set.test))
        for part in ("images", "labels")
    }
    part = path.with_name(f"{path.name}.{os.getpid()}-{threading.get_ident()}.part")
    with suppress(OSError, SafetensorError):
        path.parent.mkdir(parents=True, exist_ok=True)
        for left_over in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
            left_over.unlink(missing_ok=True)
        try:
            part.touch()
            mode = part.stat().st_mode
            save_file(tensors, part, {"format": FORMAT, "key": key, "about": json.dumps(about)})
            part.chmod(mode)  # safetensors makes the file private, but several users may share a data folder
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)


def _opened(path: Path) -> BufferedReader:
    return open(open_regular(path, follow_links=True), "rb")


def _header(file: BufferedReader) -> dict[str, Any]:
    """Return the JSON header: the metadata, and type, shape and place of each tensor. The tensors follow it.

    Raises an error of `_UNUSABLE` if the file was not written by this version.
    """
    length = int.from_bytes(file.read(8), "little")
    if length > _LARGEST_HEADER:
        raise ValueError("the header is too large")
    header: dict[str, Any] = json.loads(file.read(length))
    if header["__metadata__"]["format"] != FORMAT:
        raise ValueError("another format")
    return header


def _key(header: dict[str, Any]) -> str:
    return str(header["__metadata__"]["key"])


def _tensor(file: BufferedReader, described: dict[str, Any], start: int, size: int) -> NDArray[Any]:
    """Read one tensor. `start` is where the first tensor begins, `size` the size of the file.

    safetensors' own reading holds the GIL and takes twice the time.
    """
    kind, shape = np.dtype(_TYPES[described["dtype"]]), described["shape"]
    begin, end = described["data_offsets"]
    if math.prod(shape) * kind.itemsize != end - begin or not 0 <= begin <= end <= size - start:
        raise ValueError("the tensor is not in the file")
    array = np.empty(shape, kind)
    file.seek(start + begin)
    if array.size and file.readinto(array.data.cast("B")) != array.nbytes:
        raise ValueError("the tensor is cut off")
    return array


def _is_intact(image_set: ImageSet) -> bool:
    """Check shapes, types, labels and the fingerprint over all pixels."""
    if not all(_has_images(split, len(image_set.classes)) for split in (image_set.train, image_set.test)):
        return False
    return fingerprint(image_set.classes, image_set.train, image_set.test) == image_set.fingerprint


def _has_images(split: Split, classes: int) -> bool:
    shape = (len(split.labels), IMAGE_SIZE, IMAGE_SIZE, 3)
    if split.images.dtype != np.uint8 or split.labels.dtype != np.int64 or split.images.shape != shape:
        return False
    return bool(len(split) and split.labels.min() >= 0 and split.labels.max() < classes)
