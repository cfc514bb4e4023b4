"""One batch file of CIFAR-10: a pickle, read without running any code."""

from __future__ import annotations

import io
import pickle
from typing import Any

import numpy as np
from numpy.typing import NDArray

from engine.data.imageset import IMAGE_SIZE
from engine.errors import DataError

CLASSES = ("plane", "car", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
"""The notebook's names, in the order of the labels."""

PIXELS = 3 * IMAGE_SIZE * IMAGE_SIZE
"""Bytes of one image."""


def read_batch(content: bytes, images: int, what: str) -> tuple[NDArray[np.uint8], NDArray[np.int64]]:
    """Return pixels of shape (images, 32, 32, 3) and labels of shape (images,) of one batch file.

    Its `data` has 3072 bytes an image: the red, green and blue planes of 32×32. Its `labels` are a list.
    """
    try:
        batch = _Unpickler(io.BytesIO(content), encoding="bytes").load()
        pixels, labels = batch[b"data"].content(images * PIXELS), np.array(batch[b"labels"])
    except Exception as error:  # noqa: BLE001 - a damaged pickle can raise anything
        raise DataError(f"{what} is not a batch of CIFAR-10: {error}.") from None
    if labels.shape != (images,) or labels.dtype.kind != "i" or labels.min() < 0 or labels.max() >= len(CLASSES):
        raise DataError(f"{what} is not a batch of CIFAR-10: its labels are not {images:,} numbers from 0 to 9.")
    planes = np.frombuffer(pixels, np.uint8).reshape(images, 3, IMAGE_SIZE, IMAGE_SIZE)
    return planes.transpose(0, 2, 3, 1), labels


class _Pickled:
    """Replaces NumPy's classes when a batch is unpickled. Only keeps the state that it is given."""

    def __init__(self, *_: object) -> None:
        self._state: tuple[Any, ...] = ()

    def __setstate__(self, state: tuple[Any, ...]) -> None:
        self._state = state

    def content(self, length: int) -> bytes:
        """Return the array's bytes. The state is (version, shape, dtype, is Fortran, content). Raises `ValueError`."""
        content = self._state[4]
        if not isinstance(content, bytes) or len(content) != length or self._state[3]:
            raise ValueError(f"its images are not {length:,} bytes")
        return content


class _Unpickler(pickle.Unpickler):
    """Runs no code: the three names that a batch needs become `_Pickled`, any other name is refused."""

    def find_class(self, module: str, name: str) -> Any:
        if (module, name) in {
            ("numpy.core.multiarray", "_reconstruct"),
            ("numpy", "ndarray"),
            ("numpy", "dtype"),
        }:
            return _Pickled
        raise pickle.UnpicklingError(f"it asks for {module}.{name}")
