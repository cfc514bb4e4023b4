"""Images that were read once, kept so that the next reading is instant: one safetensors file an image source.

The header holds what was read (`key`), so a changed source is seen without touching the pixels. What cannot be read
back exactly as it was written does not count: the caller reads the source again.
"""

from __future__ import annotations

import glob
import hashlib
import json
import os
import threading
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint

FORMAT = "cifar-tui images 1"

_TYPES = {"U8": "u1", "I64": "<i8"}
"""Of the tensors that are kept, as the file and numpy call them."""


def cache_key(*parts: str) -> str:
    """SHA-256 over the description of a source, as hexadecimal digits."""
    return hashlib.sha256("\n".join(parts).encode("utf-8", "surrogateescape")).hexdigest()


def is_cached(path: Path, key: str) -> bool:
    """Whether `path` says that it holds what `key` stands for. Reads only the header."""
    try:
        with safe_open(path, framework="numpy") as file:
            return _is_for(file.metadata(), key)
    except (OSError, SafetensorError):
        return False


def read_cache(path: Path, key: str | None) -> tuple[str, ImageSet] | None:
    """The images in `path` with their key, or None where they are not for `key` or the file is damaged.

    Without a `key` they are read whatever they are for: the caller finds that out meanwhile. Most of the time goes into
    reading and hashing, which lets other threads work.
    """
    try:
        with safe_open(path, framework="numpy") as file:
            metadata = file.metadata()
            if not _is_for(metadata, key):
                return None
        about = json.loads(metadata["about"])
        tensors = _tensors(path)
        train, test = (Split(tensors[f"{name}.images"], tensors[f"{name}.labels"]) for name in ("train", "test"))
        image_set = ImageSet(
            name=about["name"],
            source=about["source"],
            classes=tuple(about["classes"]),
            train=train,
            test=test,
            fingerprint=about["fingerprint"],
            notes=tuple(about["notes"]),
        )
        return (metadata["key"], image_set) if _is_sound(image_set) else None
    except (OSError, SafetensorError, ValueError, KeyError, TypeError, RecursionError):
        return None


def _tensors(path: Path) -> dict[str, NDArray[Any]]:
    """What is in a file that `safe_open` found to be in order.

    Its own way to read a tensor keeps all other threads from working meanwhile, and takes memory in small pages, which
    together is half of the time; numpy's is in large ones.
    """
    tensors = {}
    with path.open("rb") as file:
        length = int.from_bytes(file.read(8), "little")  # the format: eight bytes, so much JSON, the tensors
        header = json.loads(file.read(length))
        for name in header.keys() - {"__metadata__"}:
            array = np.empty(header[name]["shape"], _TYPES[header[name]["dtype"]])
            file.seek(8 + length + header[name]["data_offsets"][0])
            if array.size and file.readinto(array.data.cast("B")) != array.nbytes:
                raise ValueError(f"{name} is cut off")
            tensors[name] = array
    return tensors


def write_cache(path: Path, key: str, image_set: ImageSet) -> str | None:
    """Keep `image_set` for the next time; says why where that is impossible, which is no error."""
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
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        for left_over in path.parent.glob(f"{glob.escape(path.name)}.*.part"):
            left_over.unlink(missing_ok=True)
        try:
            part.touch()
            mode = part.stat().st_mode
            save_file(tensors, part, {"format": FORMAT, "key": key, "about": json.dumps(about)})
            part.chmod(mode)  # safetensors lets nobody else read; a data folder may be shared
            part.replace(path)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, SafetensorError) as error:
        return str(error)
    return None


def _is_for(metadata: dict[str, str] | None, key: str | None) -> bool:
    return metadata is not None and metadata.get("format") == FORMAT and key in (None, metadata.get("key"))


def _is_sound(image_set: ImageSet) -> bool:
    """Whether the images are what was written: shapes, types, labels in range, and the fingerprint over all of them."""
    for split in (image_set.train, image_set.test):
        shape = (len(split.labels), IMAGE_SIZE, IMAGE_SIZE, 3)
        if split.images.dtype != np.uint8 or split.labels.dtype != np.int64 or split.images.shape != shape:
            return False
        if len(split) == 0 or split.labels.min() < 0 or split.labels.max() >= len(image_set.classes):
            return False
    return fingerprint(image_set.classes, image_set.train, image_set.test) == image_set.fingerprint
