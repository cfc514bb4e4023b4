"""Images in folders: read in torchvision's order, refused with a reason, cached."""

from __future__ import annotations

import os
import shutil
import subprocess
import threading
import warnings
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from engine.control import Control, Pause, Resume, Stop
from engine.data import Found, Progress, decoding, find, load
from engine.data.imageset import ImageSet, fingerprint
from engine.data.sources import folder
from engine.errors import ConstantError, Stopped


def silent() -> Progress:
    return Progress(lambda *_: None, Control())


def picture(path: Path, seed: int = 0, size: tuple[int, int] = (32, 32), mode: str = "RGB") -> None:
    """Write an image file of random pixels, lossless if the format allows it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    channels = {"RGB": (3,), "RGBA": (4,), "L": ()}[mode]
    pixels = np.random.default_rng(seed).integers(0, 256, (size[1], size[0], *channels), np.uint8)
    Image.fromarray(pixels, mode=None).save(path)


def pictures(root: Path, classes: tuple[str, ...] = ("cat", "dog"), train: int = 3, test: int = 2) -> Path:
    """Write a folder with the right layout."""
    for number, name in enumerate(classes):
        for split, count in (("train", train), ("test", test)):
            for i in range(count):
                picture(root / split / name / f"{i}.png", seed=1000 * number + 100 * (split == "test") + i)
    return root


@pytest.fixture
def images(tmp_path: Path) -> Path:
    return pictures(tmp_path / "images")


@pytest.fixture(params=[1, 2])
def processes(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """The number of decoding processes. One means this process, as for few images."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(decoding, "_cores", lambda: request.param)
    count = request.param
    assert isinstance(count, int)
    return count


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[subprocess.Popen[bytes]]:
    """The decoder processes that were started."""
    found: list[subprocess.Popen[bytes]] = []
    real = decoding.Decoder.__init__

    def noted(decoder: decoding.Decoder) -> None:
        real(decoder)
        found.append(decoder._process)

    monkeypatch.setattr(decoding.Decoder, "__init__", noted)
    return found


def look(images: Path, tmp_path: Path) -> Found:
    return find(str(images), tmp_path / "data")


def read(images: Path, tmp_path: Path, progress: Progress | None = None) -> ImageSet:
    return load(str(images), tmp_path / "data", progress or silent())


def problem(images: Path, tmp_path: Path) -> str:
    """Return why a folder is refused, which is the same before and at the start, and check that nothing is written."""
    reasons = []
    for refuse in (lambda: look(images, tmp_path), lambda: read(images, tmp_path)):
        with pytest.raises(ConstantError) as raised:
            refuse()
        assert raised.value.problems.keys() == {"data"}
        reasons.append(raised.value.problems["data"])
    assert reasons[0] == reasons[1]
    assert not (tmp_path / "data").exists()
    return reasons[0]


def test_images_come_as_torchvision_reads_them(tmp_path: Path) -> None:
    """Order, labels, resizing and conversion are those of ImageFolder, so that results compare with a notebook's."""
    from torchvision.datasets import ImageFolder
    from torchvision.transforms import Resize

    root = pictures(tmp_path / "images", ("b", "a", "C"), train=12)
    picture(root / "train" / "a" / "inner" / "x.png", 7)
    picture(root / "train" / "a" / "0" / "x.bmp", 8)
    picture(root / "train" / "a" / "large.JPG", 9, (100, 70))
    picture(root / "train" / "b" / "small.png", 10, (5, 9), "RGBA")
    picture(root / "test" / "b" / "grey.jpeg", 11, (32, 64), "L")
    found = read(root, tmp_path)
    assert found.classes == ("C", "a", "b")
    for split, name in ((found.train, "train"), (found.test, "test")):
        reference = ImageFolder(str(root / name), transform=Resize((32, 32)))
        assert split.labels.tolist() == reference.targets
        np.testing.assert_array_equal(split.images, np.stack([np.asarray(image) for image, _ in reference]))
    assert found.notes == ("Resized to 32×32 (bilinear): 3 of 47 images.",)
    assert found.name == "images"
    assert found.source == str(root)
    assert found.fingerprint == fingerprint(found.classes, found.train, found.test)


def test_what_is_no_image_is_passed_over(images: Path, tmp_path: Path) -> None:
    """Files that are no images are skipped, such as those that file managers leave."""
    for name in (".DS_Store", "Thumbs.db", "notes.txt", "._0.png", "0.png.part"):
        (images / "train" / "cat" / name).write_bytes(b"no image")
    (images / "train" / ".hidden").mkdir()
    (images / "train" / "readme.txt").write_text("about these images")
    found = read(images, tmp_path)
    assert (len(found.train), len(found.test)) == (6, 4)
    assert found.notes == ()


def test_a_look_tells_what_a_run_would_get(images: Path, tmp_path: Path) -> None:
    """The form shows how many images and classes there are, and whether they are cached."""
    looked = look(images, tmp_path)
    assert looked.ready
    assert looked.description == f"folder {images}, to be read"
    assert (looked.train_images, looked.test_images, looked.classes) == (6, 4, ("cat", "dog"))
    assert not (tmp_path / "data").exists()
    read(images, tmp_path)
    assert look(images, tmp_path).description == f"folder {images}, cached"


def test_the_second_reading_decodes_nothing(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """After the first start the same images and notes come from the cache."""
    picture(images / "train" / "dog" / "large.png", 5, (64, 64))
    first = read(images, tmp_path)
    monkeypatch.setattr(Image, "open", None)
    second = read(images, tmp_path)
    assert second.info == first.info
    assert second.notes != ()
    for one, other in ((first.train, second.train), (first.test, second.test)):
        np.testing.assert_array_equal(one.images, other.images)
        np.testing.assert_array_equal(one.labels, other.labels)


def changed_content(root: Path) -> None:
    picture(root / "train" / "cat" / "0.png", 77)


def added(root: Path) -> None:
    picture(root / "test" / "dog" / "new.png", 78)


def removed(root: Path) -> None:
    (root / "train" / "dog" / "1.png").unlink()


def moved(root: Path) -> None:
    (root / "train" / "dog" / "1.png").rename(root / "train" / "cat" / "9.png")


@pytest.mark.parametrize("change", [changed_content, added, removed, moved])
def test_a_changed_folder_is_read_again(
    images: Path, tmp_path: Path, change: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A cache is not used if the folder has changed, and only one is kept."""
    before = read(images, tmp_path)
    assert callable(change)
    change(images)
    assert look(images, tmp_path).description.endswith("to be read")
    after = read(images, tmp_path)
    assert after.fingerprint != before.fingerprint
    assert after.fingerprint == read(images, tmp_path / "elsewhere").fingerprint
    assert len(list((tmp_path / "data" / "cache").iterdir())) == 1


def truncated(content: bytes) -> bytes:
    return content[:-5]


def flipped(content: bytes) -> bytes:
    return content[:-1] + bytes([content[-1] ^ 1])


def emptied(content: bytes) -> bytes:
    return b""


def overwritten(content: bytes) -> bytes:
    return b"\xff" * len(content)


@pytest.mark.parametrize("damage", [truncated, flipped, emptied, overwritten])
def test_a_damaged_cache_is_replaced(
    images: Path, tmp_path: Path, damage: object, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A damaged cache is ignored and written again."""
    first = read(images, tmp_path)
    (cache,) = (tmp_path / "data" / "cache").iterdir()
    assert callable(damage)
    cache.write_bytes(damage(cache.read_bytes()))
    again = read(images, tmp_path)
    assert again.info == first.info
    np.testing.assert_array_equal(again.train.images, first.train.images)
    monkeypatch.setattr(Image, "open", None)
    assert read(images, tmp_path).info == first.info


def test_a_cache_is_as_readable_as_other_files(images: Path, tmp_path: Path) -> None:
    """Several people can share a data folder."""
    read(images, tmp_path)
    (cache,) = (tmp_path / "data" / "cache").iterdir()
    plain = tmp_path / "plain"
    plain.touch()
    assert cache.stat().st_mode == plain.stat().st_mode


def test_what_a_killed_process_left_is_cleared_away(images: Path, tmp_path: Path) -> None:
    """Half-written caches do not pile up."""
    read(images, tmp_path)
    (cache,) = (tmp_path / "data" / "cache").iterdir()
    cache.with_name(f"{cache.name}.4711.part").write_bytes(b"half")
    changed_content(images)
    read(images, tmp_path)
    assert list((tmp_path / "data" / "cache").iterdir()) == [cache]


def test_reading_works_without_a_place_for_the_cache(images: Path, tmp_path: Path) -> None:
    """A run works without a cache if the data folder cannot be written."""
    (tmp_path / "data").write_text("in the way")
    assert len(read(images, tmp_path).train) == 6


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    """A mistyped source is refused with the allowed values."""
    assert problem(tmp_path / "none", tmp_path) == (
        f"{tmp_path}/none does not exist; it must be cifar10, demo, or a folder that holds train/<class>/ and"
        " test/<class>/ images"
    )


def test_a_file_is_no_folder(tmp_path: Path) -> None:
    """An archive instead of a folder is refused."""
    (tmp_path / "images.zip").write_bytes(b"zip")
    assert problem(tmp_path / "images.zip", tmp_path).startswith(f"{tmp_path}/images.zip is not a folder;")


def test_an_empty_folder_lacks_both_splits(tmp_path: Path) -> None:
    """The message says what the folder must contain."""
    (tmp_path / "images").mkdir()
    assert "has no train/ and no test/" in problem(tmp_path / "images", tmp_path)


@pytest.mark.parametrize("split", ["train", "test"])
def test_a_missing_split_is_named(images: Path, tmp_path: Path, split: str) -> None:
    """Test images are not taken from the training images."""
    shutil.rmtree(images / split)
    assert f"{images} has no {split}/;" in problem(images, tmp_path)


@pytest.mark.parametrize("classes", [(), ("cat",)])
def test_fewer_than_two_classes_are_refused(tmp_path: Path, classes: tuple[str, ...]) -> None:
    """One class alone cannot be learnt."""
    root = pictures(tmp_path / "images", classes)
    for split in ("train", "test"):
        (root / split).mkdir(parents=True, exist_ok=True)
    held = "1 folder" if classes else "0 folders"
    assert f"{root} has too few classes: train/ holds {held}, " in problem(root, tmp_path)


def test_a_class_without_images_is_named(images: Path, tmp_path: Path) -> None:
    """A class without images is refused with what is in it instead, such as GIF files only, and what is read."""
    for split in ("train", "test"):
        shutil.rmtree(images / split / "dog")
        (images / split / "dog").mkdir()
    (images / "test" / "dog" / "0.GIF").write_bytes(b"GIF89a")
    (images / "test" / "dog" / "notes.txt").write_text("soon")
    (images / "test" / "dog" / ".hidden").write_text("")
    assert problem(images, tmp_path) == (
        f"{images} has classes without an image: test/dog (only .gif, .txt files), train/dog (empty). Image files"
        " end in .jpg, .jpeg, .png, .ppm, .bmp, .pgm, .tif, .tiff, .webp"
    )


def test_classes_that_differ_are_named(images: Path, tmp_path: Path) -> None:
    """A class that is in one split only is named with its split."""
    (images / "test" / "dog").rename(images / "test" / "wolf")
    for i in range(7):
        (images / "train" / f"other{i}").mkdir()
    said = problem(images, tmp_path)
    assert "only in train/: dog, other0, other1, other2, other3 and 3 more; only in test/: wolf" in said


def unreadable(root: Path, tmp_path: Path) -> str:
    with pytest.raises(ConstantError) as raised:
        read(root, tmp_path)
    assert not (tmp_path / "data").exists()
    return raised.value.problems["data"]


def test_unreadable_images_are_listed(images: Path, tmp_path: Path, processes: int) -> None:
    """All damaged files are found at once, the first ones are named, and nothing is written."""
    broken = images / "train" / "cat"
    (broken / "a.png").write_bytes(b"")
    (broken / "b.jpg").write_bytes(b"<html>not found</html>")
    (broken / "c.png").write_bytes((broken / "0.png").read_bytes()[:200])
    os.symlink(tmp_path / "nowhere", broken / "d.png")
    os.mkfifo(broken / "e.png")
    for i in range(3):
        (images / "test" / "dog" / f"z{i}.jpg").write_bytes(b"\xff\xd8\xff\xe0 broken")
    said = unreadable(images, tmp_path)
    assert f"{images} holds 8 unreadable of 18 images" in said
    for name in ("a.png (not an image)", "b.jpg (not an image)", "c.png", "d.png (not a file)", "e.png (not a file)"):
        assert f"train/cat/{name}" in said
    assert said.endswith("and 3 more")


@pytest.mark.filterwarnings("default")  # outside of tests Pillow only warns, and reads the image
@pytest.mark.parametrize("side", [9_500, 15_000])
def test_an_image_of_too_many_pixels_is_refused(images: Path, tmp_path: Path, side: int) -> None:
    """A small file that unpacks to hundreds of megabytes is listed as unreadable, without a warning on the screen."""
    Image.new("1", (side, side)).save(images / "train" / "dog" / "huge.png")
    with warnings.catch_warnings(record=True) as remarks:
        assert "train/dog/huge.png (too many pixels)" in unreadable(images, tmp_path)
    assert remarks == []


def test_sixteen_bit_images_keep_their_greys(images: Path, tmp_path: Path) -> None:
    """A 16-bit image, as from microscopes and scanners, does not turn white."""
    greys = np.linspace(0, 65535, 1024).astype(np.uint16).reshape(32, 32)
    Image.fromarray(greys).save(images / "train" / "cat" / "00.png")
    found = read(images, tmp_path)
    np.testing.assert_array_equal(found.train.images[1], np.repeat((greys >> 8)[..., None], 3, 2))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_photos_stand_upright(
    images: Path, tmp_path: Path, orientation: int, processes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A photo that a camera took sideways is turned as its EXIF orientation says, and the record says so."""
    upright = np.zeros((32, 32, 3), np.uint8)
    upright[:8] = 200
    upright[8:, :4] = 90  # no symmetry: each turn gives another picture
    image = Image.fromarray(upright)
    if orientation > 1:
        taken = (0, 3, 1, 5, 2, 6, 4)[orientation - 2]  # how the camera was held, in Pillow's numbers
        image = image.transpose(Image.Transpose(taken))
    exif = Image.Exif()
    exif[274] = orientation
    image.save(images / "train" / "cat" / "photo.png", exif=exif)
    found = read(images, tmp_path)
    np.testing.assert_array_equal(found.train.images[3], upright)
    turned = ("Turned as their EXIF orientation says: 1 of 11 images.",)
    assert found.notes == (() if orientation == 1 else turned)


def test_photos_with_damaged_orientation_are_read(images: Path, tmp_path: Path) -> None:
    """EXIF data that makes no sense does not make the picture unreadable."""
    Image.new("RGB", (32, 32), "red").save(images / "train" / "cat" / "photo.jpg", exif=b"Exif\0\0MM\0*\xff\xff\xff")
    Image.new("RGB", (32, 32), "red").save(images / "train" / "cat" / "photo.png", exif=b"Exif\0\0nonsense")
    assert read(images, tmp_path).notes == ()


def test_a_cache_from_before_photos_were_turned_is_not_used(images: Path, tmp_path: Path) -> None:
    """Images that an older version decoded are read again."""
    read(images, tmp_path)
    (cache,) = (tmp_path / "data" / "cache").iterdir()
    cache.write_bytes(cache.read_bytes().replace(b"cifar-tui images 2", b"cifar-tui images 1"))
    assert look(images, tmp_path).description.endswith("to be read")
    read(images, tmp_path)
    assert look(images, tmp_path).description.endswith("cached")


@pytest.mark.parametrize("name", ["x" * 300, "loop"])
def test_a_path_that_cannot_be_looked_up_is_named(tmp_path: Path, name: str) -> None:
    """A path that is too long or a link to itself is refused in words."""
    os.symlink(tmp_path / "loop", tmp_path / "loop")
    assert problem(tmp_path / name, tmp_path).startswith(f"{tmp_path / name} ")


def test_links_that_go_round_do_not(images: Path, tmp_path: Path) -> None:
    """A link to a folder above is followed once at most."""
    os.symlink(images / "train" / "cat", images / "train" / "cat" / "again")
    os.symlink(images, images / "train" / "dog" / "up")
    found = read(images, tmp_path)
    assert found.train.labels.tolist()[:3] == [0, 0, 0]


def test_hostile_class_names_are_shown_as_plain_text(tmp_path: Path) -> None:
    """Brackets stay, escape sequences are removed, and names that then look the same are numbered."""
    names = ("[airplane]", "[x", "\x1b[31mred", "red", "a\nb", "猫" * 40, "\udcff")
    found = read(pictures(tmp_path / "images", names, 1, 1), tmp_path)
    assert found.classes == ("red", "[airplane]", "[x", "a b", "red (2)", "猫" * 40, "\ufffd")
    assert found.classes == look(tmp_path / "images", tmp_path).classes
    assert read(tmp_path / "images", tmp_path).info == found.info


def test_a_hostile_path_is_shown_as_plain_text(tmp_path: Path) -> None:
    """An escape sequence in a path does not reach the terminal."""
    root = pictures(tmp_path / "\x1b[2Jimages")
    assert read(root, tmp_path).name == "images"
    assert "\x1b" not in look(root, tmp_path).description


def test_a_home_folder_can_be_abbreviated(images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The form accepts ~ for the home folder."""
    monkeypatch.setenv("HOME", str(tmp_path))
    assert look(Path("~/images"), tmp_path).train_images == 6


def test_reading_tells_how_far_it_is(images: Path, tmp_path: Path) -> None:
    """The progress counts from the first image to the last."""
    told: list[tuple[str, int, int | None, str]] = []
    read(images, tmp_path, Progress(lambda *step: told.append(step), Control()))
    assert told[0][2:] == (10, "images")
    assert told[-1] == ("reading images", 10, 10, "images")


def test_a_stop_ends_the_reading(tmp_path: Path, processes: int, started: list[subprocess.Popen[bytes]]) -> None:
    """A stop takes effect within a few images, and leaves nothing behind."""
    root = pictures(tmp_path / "images", train=100)
    control = Control()
    told: list[int] = []

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        told.append(done)
        control.ask(Stop())

    with pytest.raises(Stopped):
        read(root, tmp_path, Progress(tell, control))
    assert told[0] <= folder.CHUNK
    assert len(told) <= 1 + processes
    assert not (tmp_path / "data").exists()
    assert len(started) == (processes if processes > 1 else 0)
    assert all(process.returncode is not None for process in started)


@pytest.mark.parametrize("processes", [2], indirect=True)
def test_processes_decode_alike(
    tmp_path: Path, processes: int, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Several processes decode the same images as one."""
    root = pictures(tmp_path / "images", ("a", "b\nc", "\udcff"), train=60)
    picture(root / "train" / "a" / "large.jpg", 9, (100, 70))
    (tmp_path / "numpy.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)  # files in the working directory must not be run
    together = read(root, tmp_path / "together")
    assert len(started) == 2
    monkeypatch.setattr(decoding, "_cores", lambda: 1)
    alone = read(root, tmp_path / "alone")
    assert len(started) == 2
    assert together.info == alone.info
    assert together.notes != ()
    for one, other in ((together.train, alone.train), (together.test, alone.test)):
        np.testing.assert_array_equal(one.images, other.images)


def test_a_process_that_breaks_off_is_told(
    images: Path, tmp_path: Path, started: list[subprocess.Popen[bytes]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An image that crashes its decoder ends the run with a message that narrows it down."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(decoding, "_cores", lambda: 2)
    real = decoding.Decoder.__enter__

    def killed(decoder: decoding.Decoder) -> decoding.Decoder:
        decoder._process.kill()
        return real(decoder)

    monkeypatch.setattr(decoding.Decoder, "__enter__", killed)
    said = unreadable(images, tmp_path)
    assert said == f"a process that read images crashed between {images}/train/cat/0.png and 1.png"
    assert len(started) == 2


def test_without_another_process_this_one_decodes(
    images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Images are read in this process if no other can be started."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(decoding, "_cores", lambda: 2)

    def refused(decoder: decoding.Decoder) -> None:
        raise BlockingIOError("Resource temporarily unavailable")

    monkeypatch.setattr(decoding.Decoder, "__init__", refused)
    assert len(read(images, tmp_path).train) == 6


def test_a_pause_holds_the_reading(tmp_path: Path, processes: int) -> None:
    """A pause holds the reading, and it is complete after it goes on."""
    root = pictures(tmp_path / "images", train=100)
    control = Control()
    paused = threading.Event()
    held: list[int] = []

    def tell(activity: str, done: int, total: int | None, unit: str) -> None:
        if not paused.is_set():
            control.ask(Pause())
            paused.set()
        else:
            held.append(done)

    found: list[ImageSet] = []
    reading = threading.Thread(target=lambda: found.append(read(root, tmp_path, Progress(tell, control))))
    reading.start()
    assert paused.wait(60)
    reading.join(0.05)
    assert reading.is_alive()
    assert held == []
    control.ask(Resume())
    reading.join(60)
    assert len(found[0].train) == 200
