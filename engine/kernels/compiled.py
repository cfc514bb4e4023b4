"""The compiled code of this package: its files in C, compiled twice, for AVX2 and for AVX-512.

Both compute the same bits: a lane of a register is a sum of its own, however many lanes there are.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
from contextlib import suppress
from pathlib import Path

import torch
from torch import Tensor

VARIANTS = {"avx512": "AVX-512", "avx2": "AVX2"}
"""The compiled files and the instructions they need, the fastest first."""


@functools.cache
def library() -> ctypes.CDLL | None:
    """Return the fastest compiled code that this processor runs; None if there is none, or if it was not compiled."""
    for variant in VARIANTS:
        code = _loaded(variant)
        if code is not None and code.runs_here():
            return code
    return None


def is_left_to_torch() -> bool:
    """Return whether a network is being exported: then it must consist of torch's own operations.

    It is told for the whole process, so networks are exported in processes that train nothing.
    """
    return torch.compiler.is_exporting()


@functools.cache
def takes_channels(channels: int) -> bool:
    """Return whether there is compiled code here for layers of any shape with so many channels."""
    code = library()
    if code is None:
        return False
    group, most = (ctypes.c_int.in_dll(code, f"{name}_CHANNELS").value for name in ("GROUP_OF", "MOST"))
    return channels % group == 0 and channels <= most


def instructions() -> str:
    """Return the instructions that the compiled code uses here, such as `AVX-512`; nothing if it is not used."""
    code = library()
    return next((name for variant, name in VARIANTS.items() if code is not None and code is _loaded(variant)), "")


@functools.cache
def _loaded(variant: str) -> ctypes.CDLL | None:
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        file = Path(__file__).with_name(f"_{variant}{suffix}")
        if file.exists():
            # The first: it needs the OpenMP library that torch has loaded, and some builds of torch have none. The
            # second: it was compiled for an older version of this program.
            with suppress(OSError, AttributeError):
                return _declared(ctypes.CDLL(str(file)))
    return None


def _declared(code: ctypes.CDLL) -> ctypes.CDLL:
    """Return `code` with the types of its functions' arguments. Raises `AttributeError` if it lacks a function."""
    number, size, pointer, three = ctypes.c_float, ctypes.c_int64, ctypes.c_void_p, ctypes.c_void_p * 3
    # n, images as floats or bytes, shades, weights, biases; activations, winners, features; threads
    code.forward.argtypes = [size, *[pointer] * 3, three, three, *[pointer] * 3, ctypes.c_int]
    # n, gradients, weights, activations, winners; the weights' and the biases' gradients and groups; threads
    groups = ctypes.c_int32 * 3
    code.backward.argtypes = [
        *(size, pointer, three, pointer, pointer),
        *(three, three, groups, groups, ctypes.c_int),
    ]
    code.adam_moments.argtypes = [size, *[pointer] * 3, *[number] * 3, ctypes.c_int]
    code.adam_step.argtypes = [size, *[pointer] * 3, *[number] * 3, ctypes.c_int]
    # shape, x, weight, bias, added; training, epsilon, momentum; both statistics, out, winners, room; threads, work;
    # about, totals; rows
    code.normalize.argtypes = [
        *([pointer] * 5),
        *(ctypes.c_int, ctypes.c_double, ctypes.c_double),
        *([pointer] * 7),
        *(ctypes.c_int, ctypes.c_int, pointer, pointer, ctypes.c_double),
    ]
    # shape, gradients, x, weight, bias, mean, inverse, out, winners; gradients of x, weight, bias, added; room;
    # threads, work; totals, rows
    code.normalize_backward.argtypes = [*[pointer] * 14, ctypes.c_int, ctypes.c_int, pointer, ctypes.c_double]
    # shape, x, its winners, weights, their strides; out, its winners, room, parts
    code.convolve.argtypes = [*[pointer] * 8, ctypes.c_int]
    # shape, x, gradients, winners; gradients of the weights, their strides, room, parts
    code.convolve_weight_gradients.argtypes = [*[pointer] * 7, ctypes.c_int]
    for room in (code.room_of_weights, code.room_of_a_part):
        room.argtypes, room.restype = [size, size], size
    code.convolve.restype = code.convolve_weight_gradients.restype = None
    code.normalize.restype = code.normalize_backward.restype = None
    code.adam_moments.restype = code.adam_step.restype = None
    return code


def address(tensor: Tensor | None) -> int | None:
    """Return where the numbers of `tensor` begin; None, a null pointer, for no tensor."""
    return None if tensor is None else tensor.data_ptr()
