"""CIFAR-10 in miniature: the layout of the official files, with few images and other hashes."""

from __future__ import annotations

import hashlib
import io
import pickle
import struct
import tarfile
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from engine.data.sources import cifar10
from engine.data.sources.cifar10.batch import CLASSES

IMAGES_PER_BATCH = 20


@dataclass(frozen=True)
class Miniature:
    """The files, and the images that should be read from them."""

    edition: cifar10.Edition
    archive: bytes
    batches: dict[str, bytes]
    train_images: NDArray[np.uint8]
    train_labels: list[int]
    test_images: NDArray[np.uint8]
    test_labels: list[int]

    def at(self, url: str, patience: float = 30.0) -> cifar10.Edition:
        """The same data from another host."""
        return replace(self.edition, archive=replace(self.edition.archive, url=url, patience=patience))

    def put_archive(self, data_dir: Path) -> Path:
        data_dir.mkdir(exist_ok=True)
        path = data_dir / self.edition.archive.name
        path.write_bytes(self.archive)
        return path

    def put_folder(self, data_dir: Path) -> Path:
        folder = data_dir / cifar10.FOLDER
        folder.mkdir(parents=True)
        for name, content in self.batches.items():
            (folder / name).write_bytes(content)
        return folder


def miniature(seed: int = 0, **replaced: bytes) -> Miniature:
    """Return random images in the official layout. Files given by name replace the generated ones."""
    random = np.random.default_rng(seed)
    batches: dict[str, bytes] = {}
    images, labels = [], []
    for name in (*cifar10.TRAIN, *cifar10.TEST):
        pixels = random.integers(0, 256, (IMAGES_PER_BATCH, 32, 32, 3), np.uint8)
        numbers = random.integers(0, 10, IMAGES_PER_BATCH).tolist()
        images.append(pixels)
        labels.append(numbers)
        batches[name] = batch(pixels.transpose(0, 3, 1, 2).tobytes(), numbers)
    batches["batches.meta"] = pickle.dumps({"label_names": list(CLASSES)}, protocol=2)
    batches.update(replaced)
    archive, edition = packed(batches)
    return Miniature(
        edition,
        archive,
        batches,
        np.concatenate(images[:5]),
        [label for part in labels[:5] for label in part],
        images[5],
        labels[5],
    )


def packed(batches: dict[str, bytes]) -> tuple[bytes, cifar10.Edition]:
    """Return a .tar.gz with the files in a folder, like the official archive, and the edition with its hashes."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w:gz") as members:
        folder = tarfile.TarInfo(cifar10.FOLDER)
        folder.type = tarfile.DIRTYPE
        members.addfile(folder)
        for name, content in sorted(batches.items()):
            member = tarfile.TarInfo(f"{cifar10.FOLDER}/{name}")
            member.size = len(content)
            members.addfile(member, io.BytesIO(content))
    archive = file.getvalue()
    official = cifar10.OFFICIAL.archive
    # Nothing listens at port 9: a download fails at once unless the test starts a server.
    sha256 = hashlib.sha256(archive).hexdigest()
    edition = cifar10.Edition(
        archive=replace(official, url="http://127.0.0.1:9/none", size=len(archive), sha256=sha256),
        md5={name: hashlib.md5(content).hexdigest() for name, content in batches.items()},
        images_per_batch=IMAGES_PER_BATCH,
    )
    return archive, edition


def batch(pixels: bytes, labels: list[int]) -> bytes:
    """Return a batch pickled like Python 2 did (protocol 2). Python 3 does not write such strings."""

    def string(text: bytes) -> bytes:
        return b"U" + bytes([len(text)]) + text

    def number(value: int) -> bytes:
        return b"J" + struct.pack("<i", value)

    rows = len(pixels) // 3072
    array_type = b"cnumpy\ndtype\n" + string(b"u1") + b"K\x00K\x01\x87R"
    array_type += b"(K\x03" + string(b"|") + b"NNN" + number(-1) + number(-1) + b"K\x00tb"
    array = b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\x00\x85" + string(b"b") + b"\x87R"
    array += b"(K\x01" + number(rows) + number(3072) + b"\x86" + array_type + b"\x89"
    array += b"T" + struct.pack("<i", len(pixels)) + pixels + b"tb"
    names = b"".join(string(b"image_%06d.png" % i) for i in range(len(labels)))
    return (
        b"\x80\x02}("
        + string(b"batch_label")
        + string(b"batch in miniature")
        + string(b"labels")
        + b"]("
        + b"".join(map(number, labels))
        + b"e"
        + string(b"data")
        + array
        + string(b"filenames")
        + b"]("
        + names
        + b"eu."
    )
