"""CIFAR-10 (Krizhevsky, 2009; https://www.cs.toronto.edu/~kriz/cifar.html), the official Python version.

Files that are in the data folder already are used: the folder `cifar-10-batches-py` that torchvision extracts, or the
archive, which is read without extracting it. Every file is verified by its hash before it is read. If both are missing
or damaged, the archive is downloaded. It replaces a damaged one only when it is complete and verified.
"""

from __future__ import annotations

import functools
import hashlib
import os
import shutil
import stat
import tarfile
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from engine.data.cache import cache_key, cache_path, is_cached, read_cache, write_cache
from engine.data.download import DownloadError, RemoteFile, bytes_in_part, download, is_whole, megabytes
from engine.data.found import Found
from engine.data.imageset import IMAGE_SIZE, ImageSet, Split, fingerprint
from engine.data.progress import Progress
from engine.data.sources.cifar10.batch import CLASSES, PIXELS, read_batch
from engine.errors import ConstantError, DataError
from engine.files import open_regular, read_bounded
from engine.text import clean

URL_VARIABLE = "CIFAR_TUI_CIFAR10_URL"
"""Environment variable with the URL of a mirror of the archive. What it sends must still match the official hash."""

FOLDER = "cifar-10-batches-py"
"""Name of the folder, in the archive and on the disk."""

TRAIN = tuple(f"data_batch_{i}" for i in range(1, 6))
TEST = ("test_batch",)


@dataclass(frozen=True)
class Edition:
    """Where to get CIFAR-10, and the hashes to verify it with."""

    archive: RemoteFile
    md5: Mapping[str, str]
    """For each file in the extracted folder."""
    images_per_batch: int

    @property
    def largest_batch(self) -> int:
        """Most bytes that a batch file can have: labels and file names take less than 64 bytes an image."""
        return self.images_per_batch * (PIXELS + 64) + 4096


OFFICIAL = Edition(
    archive=RemoteFile(
        title="CIFAR-10",
        url="https://www.cs.toronto.edu/~kriz/cifar-10-python.tar.gz",
        name="cifar-10-python.tar.gz",
        size=170_498_071,
        sha256="6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
    ),
    md5={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
        "test_batch": "40351d587109b95175f43aff81a1287e",
        "batches.meta": "5ff9c542aee3614f3951f8cda6e48888",
    },
    images_per_batch=10_000,
)
"""The MD5 values are from torchvision's `datasets/cifar.py`."""


def official() -> Edition:
    """Return the official edition, with the URL of a mirror if the environment names one."""
    url = os.environ.get(URL_VARIABLE)
    return replace(OFFICIAL, archive=replace(OFFICIAL.archive, url=url)) if url else OFFICIAL


def load(source: str, data_dir: Path, progress: Progress, edition: Edition | None = None) -> ImageSet:
    """Return CIFAR-10 from `data_dir`, downloading it first if it is missing or damaged.

    Raises `DataError` if it cannot be had, and `Stopped`.
    """
    edition = edition or official()
    path = cache_file(source, data_dir)
    cached = read_cache(path, _key(data_dir, edition))
    if cached:
        return cached[1]
    images = _from_folder(data_dir / FOLDER, edition, progress)
    if images is None:
        archive = data_dir / edition.archive.name
        if not is_whole(archive, edition.archive, progress):
            if not progress.may_download:
                raise DataError(f"CIFAR-10 is no longer in {data_dir}, and it is not downloaded only to look at it.")
            try:
                download(edition.archive, data_dir, progress)
            except DownloadError as error:
                damaged = f"; the {archive} that is there is damaged" if os.path.lexists(archive) else ""
                raise DataError(
                    f"CIFAR-10 cannot be downloaded: {error}{damaged}.\nTry again, use --data demo or a folder of"
                    f" images, or copy {edition.archive.name} from elsewhere into {data_dir}."
                ) from None
        images = _from_archive(archive, edition, progress)
    write_cache(path, _key(data_dir, edition), images)
    return images


def find(source: str, data_dir: Path, edition: Edition | None = None) -> Found:
    """Return what `load` will find. Raises `ConstantError` if CIFAR-10 could not be written to `data_dir`."""
    edition = edition or official()
    where = clean(data_dir)
    archive = data_dir / edition.archive.name
    if is_cached(cache_file(source, data_dir), _key(data_dir, edition)) or _is_in(data_dir, edition):
        return _found(True, f"CIFAR-10 in {where}, verified", edition)
    _check_room(data_dir, edition)
    details = megabytes(edition.archive.size)
    if part := bytes_in_part(edition.archive, data_dir):
        details += f", {megabytes(part)} of it already there"
    if os.path.lexists(archive):
        details += f"; the {edition.archive.name} there is damaged"
    return _found(False, f"CIFAR-10 will be downloaded to {where}: {details}", edition)


def cache_file(source: str, data_dir: Path) -> Path:
    """Return the path of the cache file."""
    return cache_path(data_dir, "cifar10")


def files(source: str, part: str) -> list[list[str]]:
    """Return nothing: the images have no files of their own."""
    return []


def _found(ready: bool, description: str, edition: Edition) -> Found:
    per_batch = edition.images_per_batch
    per_class = len(TRAIN) * per_batch // len(CLASSES)
    return Found(ready, description, CLASSES, (per_class,) * len(CLASSES), len(TEST) * per_batch)


def _files(data_dir: Path, edition: Edition) -> Iterator[tuple[Path, str, str]]:
    """Every file that CIFAR-10 could be read from, with the kind of its hash and the hash."""
    yield data_dir / edition.archive.name, "sha256", edition.archive.sha256
    for name, md5 in edition.md5.items():
        yield data_dir / FOLDER / name, "md5", md5


def _key(data_dir: Path, edition: Edition) -> str:
    """The cache's key: the expected hashes, and size and time of each file that is there."""
    return cache_key(*(f"{path.name} {hash} {_stamp(path)}" for path, _, hash in _files(data_dir, edition)))


def _stamp(path: Path) -> tuple[int, int] | None:
    """Size and modification time of a regular file, otherwise None."""
    try:
        status = path.stat()
    except OSError:
        return None
    return (status.st_size, status.st_mtime_ns) if stat.S_ISREG(status.st_mode) else None


def _is_in(data_dir: Path, edition: Edition) -> bool:
    """Whether the archive or the complete extracted folder is there, verified."""
    archive, *extracted = (
        (stamp := _stamp(path)) is not None
        and (kind == "md5" or stamp[0] == edition.archive.size)
        and _hash(path, kind, stamp) == hash
        for path, kind, hash in _files(data_dir, edition)
    )
    return archive or all(extracted)


@functools.lru_cache(maxsize=32)
def _hash(path: Path, kind: str, stamp: tuple[int, int]) -> str | None:
    """A file's hash, computed once for each `stamp`, because the form looks again after every edit."""
    try:
        with open(open_regular(path, follow_links=True), "rb") as file:
            return hashlib.file_digest(file, functools.partial(hashlib.new, kind, usedforsecurity=False)).hexdigest()
    except OSError:
        return None


def _check_room(data_dir: Path, edition: Edition) -> None:
    place = data_dir.absolute()
    while not os.path.lexists(place) and place != place.parent:
        place = place.parent
    if not os.path.isdir(place):
        raise ConstantError({"data_dir": f"{place} is not a folder"})
    if not os.access(place, os.W_OK | os.X_OK):
        raise ConstantError({"data_dir": f"{place} cannot be written to, and CIFAR-10 has to be downloaded"})
    missing = edition.archive.size - bytes_in_part(edition.archive, data_dir)
    if (free := shutil.disk_usage(place).free) < missing:
        raise ConstantError(
            {"data_dir": f"{place} has {megabytes(free)} free, and CIFAR-10 needs {megabytes(missing)}"}
        )


def _from_folder(folder: Path, edition: Edition, progress: Progress) -> ImageSet | None:
    """Return the images of torchvision's extracted folder, or None if it is missing, incomplete or damaged."""
    contents: dict[str, bytes] = {}
    for name, md5 in edition.md5.items():
        try:
            # Each file is read once, so that the bytes that are unpickled are the bytes that were hashed.
            contents[name] = read_bounded(folder / name, edition.largest_batch, follow_links=True)
        except OSError:
            return None
        if hashlib.md5(contents[name], usedforsecurity=False).hexdigest() != md5:
            return None
        progress("verifying CIFAR-10", sum(map(len, contents.values())), None, "bytes")
    return _assemble(contents.items(), folder, edition, progress)


def _from_archive(archive: Path, edition: Edition, progress: Progress) -> ImageSet:
    """Return the images of a verified archive. Raises `DataError` if it cannot be read after all."""
    try:
        with (
            open(open_regular(archive, follow_links=True), "rb") as file,
            tarfile.open(fileobj=file, mode="r|gz") as members,
        ):
            return _assemble(_batches(members, edition), archive, edition, progress)
    except (OSError, tarfile.TarError, EOFError) as error:
        raise DataError(f"{archive} cannot be read: {error}") from None


def _batches(members: tarfile.TarFile, edition: Edition) -> Iterator[tuple[str, bytes]]:
    for member in members:
        folder, _, name = member.name.partition("/")
        content = members.extractfile(member) if folder == FOLDER and member.isfile() else None
        if content is not None:
            yield name, content.read(edition.largest_batch)


def _assemble(contents: Iterable[tuple[str, bytes]], where: Path, edition: Edition, progress: Progress) -> ImageSet:
    """Build the image set from verified files, given by name and content in any order."""
    per_batch = edition.images_per_batch
    missing = [*TRAIN, *TEST]
    images = np.empty((len(missing) * per_batch, IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
    labels = np.empty(len(images), np.int64)
    for name, content in contents:
        if name in missing:
            start = (*TRAIN, *TEST).index(name) * per_batch
            place = slice(start, start + per_batch)
            images[place], labels[place] = read_batch(content, per_batch, f"{name} in {where}")
            missing.remove(name)
            progress("reading CIFAR-10", len(images) - len(missing) * per_batch, len(images), "images")
    if missing:
        raise DataError(f"{where} lacks {', '.join(missing)}: it is not CIFAR-10.")
    boundary = len(TRAIN) * per_batch
    train, test = Split(images[:boundary], labels[:boundary]), Split(images[boundary:], labels[boundary:])
    return ImageSet("CIFAR-10", clean(where), CLASSES, train, test, fingerprint(CLASSES, train, test))
