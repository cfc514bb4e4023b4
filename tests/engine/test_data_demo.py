"""The demo set: the same images on every machine, neither too easy nor too hard."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from engine.control import Control, Stop
from engine.data import Progress, find, load
from engine.data.cache import cache_key, cache_path, write_cache
from engine.data.imageset import ImageSet, fingerprint
from engine.data.sources import demo
from engine.data.sources.cifar10.batch import CLASSES
from engine.errors import Stopped

NOWHERE = Path("/dev/null/data")


@pytest.fixture(scope="module")
def drawn() -> ImageSet:
    return load("demo", NOWHERE, Progress(lambda *_: None, Control()))


def test_everybody_gets_the_same_images(drawn: ImageSet) -> None:
    """Accuracies on the demo set can be compared between machines and seeds: its pixels never change."""
    assert drawn.fingerprint == "c5c9fc88ef49c79d6c5ce3dfcbcfcf7c00758dac5406edb2f7260f2d4f9f8407"
    assert fingerprint(drawn.classes, drawn.train, drawn.test) == drawn.fingerprint


def test_the_second_start_draws_nothing(drawn: ImageSet, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The demo set is there at once after the first start, and drawn again by a version that draws it differently."""
    silent = Progress(lambda *_: None, Control())
    write_cache(cache_path(tmp_path, "demo"), cache_key("demo set", demo.VERSION), drawn)
    with monkeypatch.context() as patched:
        patched.setattr(demo, "Scene", None)
        cached = load("demo", tmp_path, silent)
    assert cached.info == drawn.info
    np.testing.assert_array_equal(cached.test.images, drawn.test.images)
    monkeypatch.setattr(demo, "VERSION", "next")
    control = Control()
    with pytest.raises(Stopped):
        load("demo", tmp_path, Progress(lambda *_: control.ask(Stop()), control))


def test_it_is_called_a_demo_set(drawn: ImageSet) -> None:
    """Nobody mistakes its accuracies for CIFAR-10's."""
    assert drawn.name == "demo set"
    assert drawn.notes == ("The demo set is drawn by the program: its numbers say nothing about CIFAR-10.",)
    assert "CIFAR" not in drawn.source


def test_it_has_the_shape_of_cifar10(drawn: ImageSet) -> None:
    """Ten classes with the same names, each equally often in training and test images."""
    assert drawn.classes == CLASSES
    assert drawn.train.images.shape == (10_000, 32, 32, 3)
    assert drawn.test.images.shape == (2_000, 32, 32, 3)
    assert drawn.train.images.dtype == np.uint8
    assert drawn.train.labels.dtype == np.int64
    assert np.bincount(drawn.train.labels).tolist() == [1_000] * 10
    assert np.bincount(drawn.test.labels).tolist() == [200] * 10


def test_a_look_tells_what_will_be_drawn(drawn: ImageSet) -> None:
    """The form knows the demo set without drawing it."""
    found = find("demo", NOWHERE)
    assert found.ready
    assert found.description == "demo set: drawn by the program, not CIFAR-10"
    assert (found.train_images, found.test_images, found.classes) == (
        len(drawn.train),
        len(drawn.test),
        drawn.classes,
    )


def test_no_image_is_there_twice(drawn: ImageSet) -> None:
    """Test images were never seen in training."""
    seen = {image.tobytes() for split in (drawn.train, drawn.test) for image in split.images}
    assert len(seen) == 12_000


def test_it_can_be_learnt_but_not_at_a_glance(drawn: ImageSet) -> None:
    """The mean image of each class is better than chance and far from right: shapes must be learnt."""
    train, test = (split.images.reshape(len(split), -1) / 255 for split in (drawn.train, drawn.test))
    means = np.stack([train[drawn.train.labels == label].mean(0) for label in range(10)])
    distances = (test**2).sum(1)[:, None] - 2 * test @ means.T + (means**2).sum(1)
    right = (distances.argmin(1) == drawn.test.labels).mean()
    assert 0.15 < right < 0.45


def test_a_stop_ends_the_drawing() -> None:
    """Stopping does not wait for the last image."""
    control = Control()
    told: list[int] = []

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        told.append(done)
        control.ask(Stop())

    with pytest.raises(Stopped):
        load("demo", NOWHERE, Progress(tell, control))
    assert told == [50]
