"""CIFAR-10 read from the data folder: from the archive, the extracted folder or the cache."""

from __future__ import annotations

import dataclasses
import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from engine.control import Control, Stop
from engine.data import Progress, find
from engine.data.imageset import ImageSet
from engine.data.sources import cifar10
from engine.data.sources.cifar10 import OFFICIAL, Edition
from engine.errors import ConstantError, DataError, Stopped
from tests.engine.official_layout import IMAGES_PER_BATCH, Miniature, batch, miniature, packed


def silent() -> Progress:
    return Progress(lambda *_: None, Control())


def assert_is(images: ImageSet, made: Miniature) -> None:
    assert images.name == "CIFAR-10"
    assert images.classes == ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
    np.testing.assert_array_equal(images.train.images, made.train_images)
    np.testing.assert_array_equal(images.test.images, made.test_images)
    assert images.train.labels.tolist() == made.train_labels
    assert images.test.labels.tolist() == made.test_labels
    assert images.train.images.dtype == np.uint8
    assert images.train.labels.dtype == np.int64


def contents(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(path.relative_to(folder)): (path.stat().st_size, path.stat().st_mtime_ns) for path in folder.rglob("*")}


def test_the_archive_is_read_where_it_lies(tmp_path: Path) -> None:
    """A user who copied the archive to a machine without internet can train, and nothing is extracted."""
    made = miniature()
    made.put_archive(tmp_path)
    assert_is(cifar10.load("cifar10", tmp_path, silent(), made.edition), made)
    assert not (tmp_path / cifar10.FOLDER).exists()


def test_the_folder_that_torchvision_extracted_is_used(tmp_path: Path) -> None:
    """A user who has CIFAR-10 from torchvision downloads nothing."""
    made = miniature()
    made.put_folder(tmp_path)
    assert_is(cifar10.load("cifar10", tmp_path, silent(), made.edition), made)


@pytest.mark.filterwarnings("ignore")  # torchvision unpickles with NumPy, which warns about pickles of 2009
def test_torchvision_reads_the_same_images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """torchvision reads the same images from the miniature as the program: it has the layout of CIFAR-10."""
    from torchvision.datasets import CIFAR10

    made = miniature()
    made.put_folder(tmp_path)

    monkeypatch.setattr(CIFAR10, "train_list", [[name, made.edition.md5[name]] for name in cifar10.TRAIN])
    monkeypatch.setattr(CIFAR10, "test_list", [[name, made.edition.md5[name]] for name in cifar10.TEST])
    monkeypatch.setitem(CIFAR10.meta, "md5", made.edition.md5["batches.meta"])
    images = cifar10.load("cifar10", tmp_path, silent(), made.edition)
    for split, train in ((images.train, True), (images.test, False)):
        reference = CIFAR10(str(tmp_path), train=train)
        np.testing.assert_array_equal(split.images, reference.data)
        assert split.labels.tolist() == reference.targets


def test_the_official_values_are_those_that_torchvision_has() -> None:
    """The program verifies the same files as torchvision."""
    from torchvision.datasets import CIFAR10

    assert OFFICIAL.archive.url == CIFAR10.url
    assert OFFICIAL.archive.name == CIFAR10.filename
    assert CIFAR10.base_folder == cifar10.FOLDER
    expected = dict([*CIFAR10.train_list, *CIFAR10.test_list, [CIFAR10.meta["filename"], CIFAR10.meta["md5"]]])
    assert dict(OFFICIAL.md5) == expected
    assert OFFICIAL.archive.size == 170_498_071
    assert OFFICIAL.archive.sha256 == "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce"


def test_the_second_start_reads_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first start verifies and unpacks; the next one has the images at once, and they are the same."""
    made = miniature()
    made.put_archive(tmp_path)
    first = cifar10.load("cifar10", tmp_path, silent(), made.edition)
    monkeypatch.setattr(cifar10, "_from_archive", None)
    monkeypatch.setattr(cifar10, "is_whole", None)
    second = cifar10.load("cifar10", tmp_path, silent(), made.edition)
    assert_is(second, made)
    assert second.info == first.info


def test_an_archive_that_changed_is_verified_again(tmp_path: Path) -> None:
    """A cache is not used if the archive has changed since."""
    made = miniature()
    archive = made.put_archive(tmp_path)
    cifar10.load("cifar10", tmp_path, silent(), made.edition)
    archive.write_bytes(bytes(len(made.archive)))
    with pytest.raises(DataError, match="damaged"):
        cifar10.load("cifar10", tmp_path, silent(), made.edition)


def test_images_are_had_even_where_no_cache_can_be_written(tmp_path: Path) -> None:
    """A run does not fail because the cache cannot be written."""
    made = miniature()
    made.put_archive(tmp_path)
    (tmp_path / "cache").write_text("in the way")
    assert_is(cifar10.load("cifar10", tmp_path, silent(), made.edition), made)


def test_a_damaged_folder_gives_way_to_a_whole_archive(tmp_path: Path) -> None:
    """A damaged batch is noticed before it is read, and the archive is used instead."""
    made = miniature()
    folder = made.put_folder(tmp_path)
    made.put_archive(tmp_path)
    (folder / "data_batch_3").write_bytes(b"damaged")
    images = cifar10.load("cifar10", tmp_path, silent(), made.edition)
    assert_is(images, made)
    assert images.source.endswith(".tar.gz")


class Payload:
    """An object whose pickle runs a command."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return os.system, (f"touch '{self.path}'",)


@pytest.mark.parametrize("kind", ["archive", "folder"])
def test_a_batch_that_wants_to_run_something_is_refused(tmp_path: Path, kind: str) -> None:
    """Even with the right hash, nothing in a batch is ever executed."""
    made = miniature(data_batch_2=pickle.dumps({"data": Payload(tmp_path / "executed")}, protocol=2))
    data_dir = tmp_path / "data"
    (made.put_archive if kind == "archive" else made.put_folder)(data_dir)
    with pytest.raises(DataError, match=r"data_batch_2 in .* is not a batch of CIFAR-10: it asks for posix\.system"):
        cifar10.load("cifar10", data_dir, silent(), made.edition)
    assert not (tmp_path / "executed").exists()


LABELS = [0] * IMAGES_PER_BATCH
PIXELS = bytes(3072 * IMAGES_PER_BATCH)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"not a pickle",
        pickle.dumps([1, 2, 3], protocol=2),
        pickle.dumps({"data": 1, "labels": 2}, protocol=2),
        batch(PIXELS[:-3072], LABELS),
        batch(PIXELS, LABELS[:-1]),
        batch(PIXELS, [*LABELS[:-1], 10]),
        batch(PIXELS, [*LABELS[:-1], -1]),
        batch(PIXELS, LABELS)[:-100],
    ],
    ids=["empty", "text", "list", "other types", "an image less", "a label less", "label 10", "label -1", "cut"],
)
def test_a_batch_of_the_wrong_shape_is_refused(tmp_path: Path, content: bytes) -> None:
    """A file without the right number of images and labels from 0 to 9 is refused by name."""
    made = miniature(test_batch=content)
    made.put_folder(tmp_path)
    with pytest.raises(DataError, match=r"test_batch in .* is not a batch of CIFAR-10"):
        cifar10.load("cifar10", tmp_path, silent(), made.edition)


def test_an_archive_without_a_batch_is_refused(tmp_path: Path) -> None:
    """A missing file is named."""
    made = miniature()
    without = {name: content for name, content in made.batches.items() if name != "data_batch_4"}
    archive, edition = packed(without)
    (tmp_path / edition.archive.name).write_bytes(archive)
    with pytest.raises(DataError, match="lacks data_batch_4"):
        cifar10.load("cifar10", tmp_path, silent(), edition)


def test_a_look_says_what_is_there_and_writes_nothing(tmp_path: Path) -> None:
    """The form shows whether CIFAR-10 is there, or how large the download will be."""
    made = miniature()
    data_dir = tmp_path / "data"
    absent = cifar10.find("cifar10", data_dir, OFFICIAL)
    assert not absent.ready
    assert absent.description == f"CIFAR-10 will be downloaded to {data_dir}: 170 MB"
    assert (absent.train_images, absent.test_images, len(absent.classes)) == (50_000, 10_000, 10)
    assert not data_dir.exists()

    archive = made.put_archive(data_dir)
    before = contents(data_dir)
    present = cifar10.find("cifar10", data_dir, made.edition)
    assert present.ready
    assert present.description == f"CIFAR-10 in {data_dir}, verified"
    assert contents(data_dir) == before

    archive.write_bytes(made.archive[:-1])
    damaged = cifar10.find("cifar10", data_dir, made.edition)
    assert not damaged.ready
    assert damaged.description.endswith("; the cifar-10-python.tar.gz there is damaged")


def test_a_look_finds_the_extracted_folder_only_while_it_is_whole(tmp_path: Path) -> None:
    """The form shows a download if one file of the folder is damaged."""
    made = miniature()
    folder = made.put_folder(tmp_path)
    assert cifar10.find("cifar10", tmp_path, made.edition).ready
    (folder / "batches.meta").write_bytes(b"damaged")
    assert not cifar10.find("cifar10", tmp_path, made.edition).ready


def test_a_look_after_the_first_start_hashes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form does not hash 170 MB each time."""
    made = miniature()
    made.put_archive(tmp_path)
    cifar10.load("cifar10", tmp_path, silent(), made.edition)
    monkeypatch.setattr(cifar10, "_hash", None)
    assert cifar10.find("cifar10", tmp_path, made.edition).ready


def test_looking_again_hashes_nothing_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form can check after every key, and still notices a file that changes."""
    made = miniature()
    archive = made.put_archive(tmp_path)
    assert cifar10.find("cifar10", tmp_path, made.edition).ready
    with monkeypatch.context() as patched:
        patched.setattr("hashlib.file_digest", None)
        assert cifar10.find("cifar10", tmp_path, made.edition).ready
    archive.write_bytes(bytes(len(made.archive)))
    assert not cifar10.find("cifar10", tmp_path, made.edition).ready


def test_a_data_folder_that_cannot_be_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file in the place of the folder and a disk that is too small are shown beside the field."""
    (tmp_path / "file").write_text("here")
    with pytest.raises(ConstantError) as raised:
        find("cifar10", tmp_path / "file" / "data")
    assert raised.value.problems == {"data_dir": f"{tmp_path}/file is not a folder"}

    monkeypatch.setattr("shutil.disk_usage", lambda path: _Usage(free=5_000_000))
    with pytest.raises(ConstantError, match="5 MB free, and CIFAR-10 needs 170 MB"):
        find("cifar10", tmp_path / "data")

    monkeypatch.setattr("os.access", lambda path, mode: False)
    with pytest.raises(ConstantError, match="cannot be written to"):
        find("cifar10", tmp_path / "data")


@dataclasses.dataclass
class _Usage:
    free: int


def test_a_mirror_can_be_named_and_changes_nothing_else(monkeypatch: pytest.MonkeyPatch) -> None:
    """A user can name a faster host in the environment; its file must still be CIFAR-10."""
    monkeypatch.setenv(cifar10.URL_VARIABLE, "https://mirror.example/cifar.tar.gz")
    edition = cifar10.official()
    assert edition.archive.url == "https://mirror.example/cifar.tar.gz"
    assert edition == Edition(dataclasses.replace(OFFICIAL.archive, url=edition.archive.url), OFFICIAL.md5, 10_000)
    monkeypatch.delenv(cifar10.URL_VARIABLE)
    assert cifar10.official() is OFFICIAL


def test_a_stop_while_the_archive_is_read_takes_effect(tmp_path: Path) -> None:
    """Stopping does not wait for the last image, and leaves nothing behind."""
    made = miniature()
    made.put_archive(tmp_path)
    control = Control()

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        if activity == "reading CIFAR-10":
            control.ask(Stop())

    with pytest.raises(Stopped):
        cifar10.load("cifar10", tmp_path, Progress(tell, control), made.edition)
    assert contents(tmp_path).keys() == {made.edition.archive.name}
