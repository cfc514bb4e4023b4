"""Image files to pixels: here, or in processes of their own.

Most of the time that Pillow takes for a small image is Python's, which one thread runs at a time: two threads are
slower at it than one. A process that decodes is this module: it reads a JSON list of paths from a line of stdin and
answers with a JSON line and the pixels, until stdin ends. An image that crashes its decoder ends that process, and not
the run.
"""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from engine.data.imageset import IMAGE_SIZE
from engine.process import python_running

FORMATS = ("JPEG", "PNG", "PPM", "BMP", "TIFF", "WEBP", "GIF")
"""What is decoded, whatever a file's name says. Pillow knows more, and runs other programs for some."""


@dataclass
class Decoded:
    """What became of some images."""

    resized: int = 0
    """How many had another size."""
    unreadable: dict[int, str] = field(default_factory=dict)
    """Why an image could not be read, by its place among them."""


def decode(paths: Sequence[str | None], into: NDArray[np.uint8]) -> Decoded:
    """Decode the files at `paths` into an array of shape (n, 32, 32, 3). None stands for what must not be opened."""
    decoded = Decoded()
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", module=r"PIL\.")  # remarks on odd files have no place on the screen
        warnings.simplefilter("error", Image.DecompressionBombWarning)
        for place, path in enumerate(paths):
            try:
                decoded.resized += _decode(path, into[place])
            except Exception as error:  # noqa: BLE001 - a broken file leads decoders to raise anything
                decoded.unreadable[place] = _reason(error)
    return decoded


def _decode(path: str | None, into: NDArray[np.uint8]) -> bool:
    """Read one image into an array of shape (32, 32, 3); whether it had to be resized."""
    if path is None:
        raise ValueError("not a file")
    with Image.open(path, formats=FORMATS) as image:
        # Pillow's own conversion cuts 16 bits off at 255, which leaves a white image.
        plain = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8)) if image.mode[0] == "I" else image
        rgb = plain.convert("RGB")
    resized = rgb.size != (IMAGE_SIZE, IMAGE_SIZE)
    if resized:
        rgb = rgb.resize((IMAGE_SIZE, IMAGE_SIZE), Image.Resampling.BILINEAR)
    into[:] = np.asarray(rgb)
    return resized


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
    """A process that decodes, for one thread."""

    def __init__(self) -> None:
        """Raises `OSError` where no process can be had."""
        self._process = subprocess.Popen(
            python_running(__name__),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # a Ctrl-C in the terminal is not meant for it
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._process.kill()
        self._process.communicate()

    def decode(self, paths: Sequence[str | None], into: NDArray[np.uint8]) -> Decoded:
        """As `decode` above, there. Raises `EOFError` where the process ends before it has answered."""
        asked, answers = self._process.stdin, self._process.stdout
        assert asked is not None
        assert answers is not None
        try:
            asked.write(json.dumps(paths).encode() + b"\n")
            asked.flush()
        except BrokenPipeError:
            raise EOFError from None
        told = answers.readline()
        pixels = answers.read(into.nbytes)
        if len(pixels) < into.nbytes:
            raise EOFError
        into[:] = np.frombuffer(pixels, np.uint8).reshape(into.shape)
        resized, unreadable = json.loads(told)
        return Decoded(resized, {int(place): reason for place, reason in unreadable.items()})


def _serve() -> None:
    for line in sys.stdin.buffer:
        paths = json.loads(line)
        pixels = np.zeros((len(paths), IMAGE_SIZE, IMAGE_SIZE, 3), np.uint8)
        decoded = decode(paths, pixels)
        sys.stdout.buffer.write(json.dumps([decoded.resized, decoded.unreadable]).encode() + b"\n")
        sys.stdout.buffer.write(pixels.tobytes())
        sys.stdout.buffer.flush()


if __name__ == "__main__":
    _serve()
