"""Pictures of any kind that are named on a command line: found, decoded, and told if they cannot be read."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ExifTags, Image

from engine.data import decoding
from engine.data.decoding import Decoded, Fit
from engine.use import pictures
from engine.use.named import Named, pictures_named
from engine.use.pictures import read

RED, GREEN, BLUE, GREY = (224, 32, 32), (32, 224, 32), (32, 32, 224), (128, 128, 128)


def save(path: Path, colour: tuple[int, int, int] = RED, size: tuple[int, int] = (32, 32)) -> str:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, colour).save(path)
    return str(path)


def named(*paths: str | Path) -> list[Named]:
    return [Named(str(path)) for path in paths]


def one(path: str | Path, fit: Fit = "squeeze") -> NDArray[np.uint8]:
    """The pixels of a picture, shape (32, 32, 3)."""
    (some,) = read(named(path), fit)
    assert not some.unreadable
    pixels: NDArray[np.uint8] = some.images[0]
    return pixels


def at(pixels: NDArray[np.uint8], row: int, column: int, colour: Sequence[int]) -> bool:
    return bool(np.abs(pixels[row, column].astype(int) - colour).max() <= 8)


@pytest.mark.parametrize(
    "kind",
    [
        "RGB png",
        "RGB jpg",
        "RGB bmp",
        "RGB webp",
        "RGB ppm",
        "RGBA png",
        "RGBA webp",
        "P gif",
        "P png",
        "CMYK jpg",
        "CMYK tif",
        "YCbCr jpg",
    ],
)
def test_every_kind_of_colour(kind: str, tmp_path: Path) -> None:
    """A picture has its colours whatever its mode and format."""
    mode, suffix = kind.split()
    path = tmp_path / f"picture.{suffix}"
    plain = Image.new("RGB", (40, 24), RED)
    (plain.quantize() if mode == "P" else plain.convert(mode)).save(path)
    assert at(one(path), 16, 16, RED)


@pytest.mark.parametrize("kind", ["1 png", "L png", "LA png", "L pgm", "I;16 png", "I;16 tif"])
def test_every_kind_of_grey(kind: str, tmp_path: Path) -> None:
    """A picture without colours is as bright as it was, with 1, 8 and 16 bits."""
    mode, suffix = kind.split()
    path = tmp_path / f"picture.{suffix}"
    values: dict[str, int | tuple[int, int]] = {"1": 1, "L": 96, "LA": (96, 0), "I;16": 96 << 8}
    Image.new(mode, (40, 24), values[mode]).save(path)
    grey = 255 if mode == "1" else 96
    assert at(one(path), 16, 16, (grey, grey, grey))


def stripes(path: Path) -> Path:
    """A wide picture: a third red, a third green, a third blue."""
    image = Image.new("RGB", (96, 32), GREEN)
    image.paste(RED, (0, 0, 32, 32))
    image.paste(BLUE, (64, 0, 96, 32))
    image.save(path)
    return path


def test_ways_to_fit(tmp_path: Path) -> None:
    """A wide picture is squeezed, loses its sides, or gets grey bars above and below."""
    path = stripes(tmp_path / "wide.png")
    squeezed, cropped, boxed = (one(path, fit) for fit in decoding.FITS)
    for pixels, row in ((squeezed, 1), (squeezed, 30), (boxed, 16)):
        assert all(at(pixels, row, column, colour) for column, colour in ((4, RED), (16, GREEN), (27, BLUE)))
    assert all(at(cropped, row, column, GREEN) for row in (1, 30) for column in (1, 30))
    assert all(at(boxed, row, column, GREY) for row in (1, 8, 23, 30) for column in (4, 27))


@pytest.mark.parametrize("fit", decoding.FITS)
@pytest.mark.parametrize("size", [(1, 1), (1, 4000), (4000, 1), (33, 31)])
def test_extreme_shapes(size: tuple[int, int], fit: Fit, tmp_path: Path) -> None:
    """A picture of any shape can be fitted in every way."""
    assert at(one(save(tmp_path / "picture.png", RED, size), fit), 15, 15, RED)


def test_photo_that_was_turned(tmp_path: Path) -> None:
    """A photo stands upright before it is fitted."""
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6  # to be turned clockwise: left becomes top
    Image.open(stripes(tmp_path / "wide.png")).save(tmp_path / "photo.jpg", exif=exif, quality=95, subsampling=0)
    pixels = one(tmp_path / "photo.jpg")
    assert all(at(pixels, row, 16, colour) for row, colour in ((4, RED), (16, GREEN), (27, BLUE)))


def test_first_frame_of_an_animation(tmp_path: Path) -> None:
    """Of an animated GIF its first frame counts."""
    frames = [Image.new("RGB", (32, 32), colour) for colour in (RED, GREEN, BLUE)]
    frames[0].save(tmp_path / "moving.gif", save_all=True, append_images=frames[1:])
    assert at(one(tmp_path / "moving.gif"), 16, 16, RED)


def bomb(path: Path) -> Path:
    """A PNG of a few bytes that says it has 60,000×60,000 pixels."""

    def part(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)
    content = part(b"IHDR", header) + part(b"IDAT", zlib.compress(b"\0" * 100)) + part(b"IEND", b"")
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + content)
    return path


def unreadable(folder: Path) -> dict[str, str]:
    """Files below `folder` that cannot be read, and words of the reason."""
    (folder / "text.png").write_text("not a picture")
    (folder / "script.png").write_text("%!PS-Adobe-3.0 EPSF-3.0\n(ls) run\n")  # Pillow would run a program for it
    (folder / "empty.jpg").touch()
    bomb(folder / "bomb.png")
    Image.effect_noise((256, 256), 90).save(folder / "whole.jpg")
    (folder / "cut.jpg").write_bytes((folder / "whole.jpg").read_bytes()[:5000])
    (folder / "whole.jpg").unlink()
    os.mkfifo(folder / "pipe.png")
    (folder / "dangling.png").symlink_to("nowhere")
    return {"text.png": "not an image", "script.png": "not an image", "empty.jpg": "not an image"} | {
        "bomb.png": "too many pixels",
        "cut.jpg": "truncated",
        "pipe.png": "not a file",
        "dangling.png": "no such file",
    }


@pytest.mark.parametrize("processes", [1, 2])
def test_others_go_on(processes: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is no picture, a trap or damaged is told with its reason, and all others are read, in their order."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(decoding, "_cores", lambda: processes)
    wrong = unreadable(tmp_path)
    for number in range(130):
        save(tmp_path / "good" / f"{number:03}.png", (number, 0, 0))
    found = list(
        read(pictures_named([str(tmp_path / name) for name in wrong] + [str(tmp_path / "good")], ()), "crop", 50)
    )
    assert [len(some.named) + len(some.unreadable) for some in found] == [60, 60, 17]
    assert np.concatenate([some.images[:, 0, 0, 0] for some in found]).tolist() == list(range(130))
    assert [Path(picture.path).stem for some in found for picture in some.named] == [f"{i:03}" for i in range(130)]
    told = {Path(picture.path).name: picture.problem for some in found for picture in some.unreadable}
    assert told.keys() == wrong.keys()
    for name, reason in wrong.items():
        assert reason in told[name]


def test_picture_that_crashes_its_decoder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture that crashes the process that reads it is told alone; all others are read."""
    monkeypatch.setattr(decoding, "WORTH_A_PROCESS", 1)
    monkeypatch.setattr(decoding, "_cores", lambda: 2)
    monkeypatch.setattr(pictures, "_CHUNK", 3)
    real = decoding.Decoder.decode

    def crashing(decoder: decoding.Decoder, paths: Sequence[str | None], *rest: object) -> Decoded:
        if any(path and path.endswith("/bad.png") for path in paths):
            decoder._process.kill()
        return real(decoder, paths, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(decoding.Decoder, "decode", crashing)
    files = [save(tmp_path / name) for name in ("0.png", "1.png", "bad.png", "3.png", "4.png", "5.png", "6.png")]
    (some,) = read(named(*files))
    assert [picture.path for picture in some.named] == [path for path in files if not path.endswith("bad.png")]
    assert [(picture.path, picture.problem) for picture in some.unreadable] == [
        (str(tmp_path / "bad.png"), "it crashed the process that read it")
    ]


def found(words: Sequence[str], root: Path, stdin: Sequence[str] = ()) -> list[str]:
    """What is found, as paths below `root` or as problems."""
    return [one.problem or os.path.relpath(one.path, root) for one in pictures_named(words, ("cat", "dog"), stdin)]


def test_ways_to_name_pictures(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Files, folders, patterns and lines of stdin name pictures, in the order in which they are given."""
    for name in ("b.png", "a.jpg", "deep/er/c.gif", "[odd].png", ".hidden.png", ".folder/d.png", "deep/e.PNG"):
        save(tmp_path / name)
    (tmp_path / "words.txt").write_text("no picture")
    (tmp_path / "deep" / "again").symlink_to(tmp_path)
    all_of_them = ["[odd].png", "a.jpg", "b.png", "deep/e.PNG", "deep/er/c.gif"]
    assert found([str(tmp_path)], tmp_path) == all_of_them
    monkeypatch.chdir(tmp_path)
    assert found(["."], tmp_path) == all_of_them
    assert [one.path for one in pictures_named(["."], ())] == all_of_them
    (tmp_path / "deep" / "again").unlink()
    assert found(["b.png", "*.jpg", "**/*.gif"], tmp_path) == ["b.png", "a.jpg", "deep/er/c.gif"]
    assert found(["[odd].png"], tmp_path) == ["[odd].png"]
    assert found(["a.jpg", "-"], tmp_path, ["b.png\n", "\n", "deep/er\r\n", "*.jpg\n"]) == [
        *("a.jpg", "b.png", "deep/er/c.gif"),
        "there is no such file or folder",
    ]
    monkeypatch.setenv("HOME", str(tmp_path))
    assert found(["~/a.jpg"], tmp_path) == ["a.jpg"]


def test_names_without_a_picture(tmp_path: Path) -> None:
    """A name that is missing, matches nothing or is no name, and a folder without a picture are told."""
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes" / "words.txt").write_text("no picture")
    os.mkfifo(tmp_path / "pipe")
    missing, nothing, odd, pipe, folder = found(
        [str(tmp_path / name) for name in ("gone.png", "*.bmp", "a\0b", "pipe", "notes")], tmp_path
    )
    assert (missing, nothing) == ("there is no such file or folder", "no file or folder has such a name")
    assert (odd, pipe) == ("no name of a file", "not a file")
    assert folder.startswith("this folder holds no picture (jpg, jpeg, png")


def test_folders_that_are_classes(tmp_path: Path) -> None:
    """A picture has a true class if the subfolder of the folder that was named is called like one."""
    for name in ("cat/1.png", "cat/more/dog/2.png", "dog/3.png", "horse/4.png", "5.png", "horse/cat/6.png"):
        save(tmp_path / name)
    labels = {Path(one.path).stem: one.label for one in pictures_named([str(tmp_path)], ("dog", "cat"))}
    assert labels == {"1": 1, "2": 1, "3": 0, "4": None, "5": None, "6": None}
    assert [one.label for one in pictures_named([str(tmp_path / "dog")], ("dog", "cat"))] == [None]
