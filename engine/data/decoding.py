"""Decode image files, in this process or in others.

Pillow holds the GIL for most of a small image's decoding, so two threads are slower than one. A decoder process runs
this module: it reads how images are to fit and their paths, in a line of JSON, from stdin and answers with a line of
JSON and the pixels, until stdin ends. An image that crashes its decoder ends that process and not the run.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from collections.abc import Sequence
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Literal, Protocol, Self, get_args

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image, ImageOps, UnidentifiedImageError

from engine.data.imageset import IMAGE_SIZE
from engine.process import python_running

FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
"""The formats that are decoded, whatever the file's name says. Pillow runs other programs for some of the others."""


Fit = Literal["squeeze", "crop", "letterbox"]
"""How a picture that is no square becomes one: it loses its shape, or its edges, or gets grey bars."""

FITS: tuple[Fit, ...] = get_args(Fit)

_GREY = (128, 128, 128)
"""Of bars: next to what convolutions pad with, which is 0 of pixels from -1 to 1."""

WORTH_A_PROCESS = 1_000
"""Images that take about as long to decode as a decoder process takes to start."""

MOST_PROCESSES = 16
"""Bounds the memory: each process may hold one image of up to `PIL.Image.MAX_IMAGE_PIXELS` (89 million) pixels."""


@dataclass
class Decoded:
    """The result of decoding some images."""

    resized: int = 0
    """How many had another size than 32×32."""
    turned: int = 0
    """How many were turned or mirrored because their EXIF orientation says so."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """Why an image could not be read, by its index."""


class Decode(Protocol):
    """Decodes the files at `paths` into an array of shape (n, 32, 32, 3). None stands for a file not to be opened."""

    def __call__(self, paths: Sequence[str | None], into: NDArray[np.uint8], fit: Fit = "squeeze") -> Decoded: ...


def decode(paths: Sequence[str | None], into: NDArray[np.uint8], fit: Fit = "squeeze") -> Decoded:
    """Decode in this process. Raises nothing: what is wrong with an image is told."""
    decoded = Decoded()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # its warnings would be printed onto the screen
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for place, path in enumerate(paths):
            try:
                resized, turned = _decode(path, into[place], fit)
                decoded.resized += resized
                decoded.turned += turned
            except Exception as error:  # noqa: BLE001 - a damaged file can raise anything
                decoded.unreadable[place] = _reason(error)
    return decoded


def _decode(path: str | None, into: NDArray[np.uint8], fit: Fit) -> tuple[bool, bool]:
    """Read one image into an array of shape (32, 32, 3). Return whether it was resized, and whether it was turned."""
    if path is None:
        raise ValueError("not a file")
    with Image.open(path, formats=FORMATS) as opened:
        turned = _orientation(opened) in range(2, 9)
        image = ImageOps.exif_transpose(opened) if turned else opened
        # Pillow's own conversion clips 16-bit values at 255, which gives a white image.
        plain = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if image.mode[0] == "I" else image
        rgb = plain.convert("RGB")
    resized = rgb.size != (IMAGE_SIZE, IMAGE_SIZE)
    if resized:
        rgb = _fitted(rgb, fit)
    into[:] = np.asarray(rgb)
    return resized, turned


def _fitted(image: Image.Image, fit: Fit) -> Image.Image:
    """Return `image` with 32×32 pixels, by bilinear interpolation."""
    size, way = (IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR
    if fit == "squeeze":
        return image.resize(size, way)
    width, height = image.size
    if fit == "crop":
        side = min(width, height)
        left, top = (width - side) / 2, (height - side) / 2
        return image.resize(size, way, box=(left, top, left + side, top + side))
    inner = [max(1, round(IMAGE_SIZE * length / max(width, height))) for length in (width, height)]
    boxed = Image.new("RGB", size, _GREY)
    boxed.paste(image.resize((inner[0], inner[1]), way), ((IMAGE_SIZE - inner[0]) // 2, (IMAGE_SIZE - inner[1]) // 2))
    return boxed


def _orientation(image: Image.Image) -> int:
    """Return the EXIF orientation: 1 is upright, 2 to 8 are turned or mirrored. Damaged EXIF data counts as upright."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - a damaged file can raise anything
        return 1


def _reason(error: Exception) -> str:
    match error:
        case UnidentifiedImageError():
            return "not an image"
        case Image.DecompressionBombWarning() | Image.DecompressionBombError():
            return "too many pixels"
        case OSError() if error.strerror:
            return error.strerror
    text = str(error)
    return text if 0 < len(text) <= 60 else "broken"


class Decoder:
    """A decoder process. Not thread-safe."""

    def __init__(self) -> None:
        """Start the process. Raises `OSError` if the system gives no process."""
        self._process = subprocess.Popen(
            python_running(__name__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # so that Ctrl-C in the terminal does not reach it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def decode(self, paths: Sequence[str | None], into: NDArray[np.uint8], fit: Fit = "squeeze") -> Decoded:
        """Like `decode` above, in the process. Raises `EOFError` if the process ends before it has answered."""
        requests, answers = self._process.stdin, self._process.stdout
        assert requests is not None
        assert answers is not None
        try:
            requests.write(json.dumps([fit, paths]).encode() + b"\n")
            requests.flush()
        except BrokenPipeError:
            raise EOFError from None
        answer = answers.readline()
        pixels = answers.read(into.nbytes)
        if len(pixels) < into.nbytes:
            raise EOFError
        into[:] = np.frombuffer(pixels, np.uint8).reshape(into.shape)
        resized, turned, unreadable = json.loads(answer)
        return Decoded(resized, turned, {int(place): reason for place, reason in unreadable.items()})


def decoders(images: int, stack: ExitStack) -> list[Decode]:
    """Return a decoder for each core, or the one of this process for few images or if no process can be started.

    The processes end with `stack`.
    """
    found: list[Decode] = []
    processes = min(_cores(), MOST_PROCESSES, images // WORTH_A_PROCESS)
    if processes > 1:
        with suppress(OSError):
            found.extend(stack.enter_context(Decoder()).decode for _ in range(processes))
    return found or [decode]


def _cores() -> int:
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _serve() -> None:
    """Answer each line on stdin until it ends."""
    for line in sys.stdin.buffer:
        fit, paths = json.loads(line)
        pixels = np.zeros((len(paths), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        decoded = decode(paths, pixels, fit)
        sys.stdout.buffer.write(json.dumps([decoded.resized, decoded.turned, decoded.unreadable]).encode() + b"\n")
        sys.stdout.buffer.write(pixels.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
