"""FIFOs, folders, devices, sockets and links in the place of files in the data folder: none of them blocks."""

from __future__ import annotations

import os
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine import data
from engine.control import Control
from engine.data import Progress
from engine.data.sources import cifar10
from engine.errors import ConstantError, DataError
from tests.engine.official_layout import miniature


def fifo(path: Path) -> None:
    os.mkfifo(path)


def folder(path: Path) -> None:
    path.mkdir()


def endless_device(path: Path) -> None:
    path.symlink_to("/dev/zero")


def link_to_itself(path: Path) -> None:
    path.symlink_to(path)


def unix_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        directory = os.open(path.parent, os.O_RDONLY)
        try:
            server.bind(f"/proc/self/fd/{directory}/{path.name}")  # the address may have 108 bytes only
        finally:
            os.close(directory)


in_the_way = pytest.mark.parametrize(
    "put",
    [
        fifo,
        folder,
        endless_device,
        link_to_itself,
        pytest.param(unix_socket, marks=pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="needs /proc")),
    ],
)


def silent() -> Progress:
    return Progress(lambda *_: None, Control())


@in_the_way
def test_in_the_place_of_the_cache(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """The form and the run work without the cache."""
    for name in ("train/cat", "train/dog", "test/cat", "test/dog"):
        (tmp_path / "images" / name).mkdir(parents=True)
        Image.new("RGB", (32, 32), "red").save(tmp_path / "images" / name / "0.png")
    source, data_dir = str(tmp_path / "images"), tmp_path / "data"
    data.load(source, data_dir, silent())
    (cache,) = (data_dir / "cache").iterdir()
    cache.unlink()
    put(cache)
    assert data.find(source, data_dir).description.endswith("to be read")
    assert len(data.load(source, data_dir, silent()).train) == 2


@in_the_way
@pytest.mark.parametrize("name", ["data_batch_1", "batches.meta", "folder", "archive"])
def test_in_the_place_of_cifar10(tmp_path: Path, put: Callable[[Path], None], name: str) -> None:
    """The file counts as missing, and the archive or the extracted folder is used instead."""
    made = miniature()
    if name == "archive":
        put(tmp_path / made.edition.archive.name)
        assert not cifar10.find("cifar10", tmp_path, made.edition).ready
        made.put_folder(tmp_path)
    else:
        if name == "folder":
            put(tmp_path / cifar10.FOLDER)
        else:
            path = made.put_folder(tmp_path) / name
            path.unlink()
            put(path)
        assert not cifar10.find("cifar10", tmp_path, made.edition).ready
        made.put_archive(tmp_path)
    assert cifar10.find("cifar10", tmp_path, made.edition).ready
    images = cifar10.load("cifar10", tmp_path, silent(), made.edition)
    np.testing.assert_array_equal(images.train.images, made.train_images)


@in_the_way
def test_in_the_place_of_the_part(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """A download that cannot write its part names the path that is in the way."""
    made = miniature()
    part = tmp_path / f"{made.edition.archive.name}.part"
    put(part)
    assert not cifar10.find("cifar10", tmp_path, made.edition).ready
    with pytest.raises(DataError) as raised:
        cifar10.load("cifar10", tmp_path, silent(), made.edition)
    assert f"CIFAR-10 cannot be downloaded: {part} cannot be written: " in raised.value.message


@in_the_way
def test_in_the_place_of_the_data_folder(tmp_path: Path, put: Callable[[Path], None]) -> None:
    """Something else in the place of the data folder is refused for CIFAR-10; the demo set needs no data folder."""
    put(tmp_path / "data")
    assert data.find("demo", tmp_path / "data").ready
    if put is not folder:
        with pytest.raises(ConstantError, match="is not a folder"):
            data.find("cifar10", tmp_path / "data")
