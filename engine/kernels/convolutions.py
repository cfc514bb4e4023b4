"""The convolutions of the notebook's network, each pooled and passed through ReLU, as fast as a processor allows.

`convolutions.c` does the three layers in one go, several times as fast as torch: it leaves out what leaves no trace in
a sum, above all the gradients that pooling and ReLU make zero. It takes every sum in the order in which oneDNN's AVX2
kernels take it, which torch calls, so it gives torch's numbers bit for bit. That is not taken on trust: a made-up
batch of each size, up to 64 images, and with each number of threads, is computed by both first. Where they differ in
one bit (another processor, another release of torch), or where there was no compiler when the program was installed,
torch computes.
"""

from __future__ import annotations

import ctypes
import functools
import importlib.machinery
import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.data.imageset import IMAGE_SIZE
from engine.kernels.onednn import blocked

CHANNELS = (3, 16, 32, 64)
"""Of the images and after each layer: what `convolutions.c` is made for."""

_FEATURES = (CHANNELS[-1], IMAGE_SIZE // 8, IMAGE_SIZE // 8)

_MOST_IMAGES = 2**31 // (4 * CHANNELS[1] * IMAGE_SIZE**2) - 1
"""From 2 GB of activations on oneDNN takes other kernels, which sum up in another order."""

_COMPARED = 64
"""Images that are enough to compare both on; larger batches are computed like these."""


def convolved(images: Tensor, layers: Sequence[nn.Conv2d]) -> Tensor:
    """`images` (n, 3, 32, 32) after three times convolution, 2×2 max-pooling and ReLU: (n, 64, 4, 4), float32.

    `layers` are 3×3 convolutions with padding 1, from and to as many channels as `CHANNELS` tells.
    """
    weights = [layer.weight for layer in layers]
    biases = [layer.bias for layer in layers if layer.bias is not None]
    if not (_is_made_for(images) and compiled_is_equal(torch.get_num_threads(), min(len(images), _COMPARED))):
        return _convolved_by_torch(images, weights, biases)
    if torch.is_grad_enabled():
        features: Tensor = _Compiled.apply(images, *weights, *biases)
        return features
    return _forward(images, [*weights, *biases], keep=False)[0]


def _convolved_by_torch(images: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    # The notebook pools what ReLU gives. Both only compare, so they commute, gradients included; pooling first leaves
    # ReLU a quarter of the work.
    x = blocked(images)
    for weight, bias in zip(weights, biases, strict=True):
        x = functional.relu(functional.max_pool2d(functional.conv2d(x, weight, bias, padding=1), 2, 2))
    return x.to_dense()


def _is_made_for(images: Tensor) -> bool:
    return (
        images.device.type == "cpu"
        and images.dtype == torch.float32
        and 1 < len(images) <= _MOST_IMAGES  # torch convolves a single image in another order
        and not images.requires_grad
        and not torch.is_autocast_enabled("cpu")
    )


@functools.cache
def _library() -> ctypes.CDLL | None:
    """The compiled code, where it was compiled and this processor has what it needs."""
    if torch.backends.cpu.get_cpu_capability() not in ("AVX2", "AVX512"):
        return None
    for suffix in importlib.machinery.EXTENSION_SUFFIXES:
        file = Path(__file__).with_name(f"_convolutions{suffix}")
        if file.exists():
            try:
                library = ctypes.CDLL(str(file))
            except OSError:  # it works with torch's OpenMP threads, which a torch of another make may not have
                return None
            pointer, layers = ctypes.c_void_p, ctypes.c_void_p * 3
            # n, images, weights, biases; activations, winners, features; threads
            library.forward.argtypes = [ctypes.c_int64, pointer, layers, layers, *[pointer] * 3, ctypes.c_int]
            # n, gradients, weights, activations, winners; the weights' and the biases' gradients and groups; threads
            groups = ctypes.c_int32 * 3
            library.backward.argtypes = [
                *(ctypes.c_int64, pointer, layers, pointer, pointer),
                *(layers, layers, groups, groups, ctypes.c_int),
            ]
            return library
    return None


@functools.cache
def compiled_is_equal(threads: int, images: int) -> bool:
    """Whether the compiled code gives torch's features and gradients for so many images, bit for bit, with `threads`.

    Both compute a made-up batch, once; no random number is drawn from torch's own generators.
    """
    if _library() is None:
        return False
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).sub_(0.5)

    with torch.inference_mode(False), torch.enable_grad():
        batch, gradient = drawn(images, CHANNELS[0], IMAGE_SIZE, IMAGE_SIZE), drawn(images, *_FEATURES)
        batch[: images // 4] = 0.5  # as in a picture with a plain background: windows of equals
        weights = [drawn(o, i, 3, 3).requires_grad_() for i, o in itertools.pairwise(CHANNELS)]
        biases = [drawn(o).requires_grad_() for o in CHANNELS[1:]]
        expected = _convolved_by_torch(batch, weights, biases)
        expected.backward(gradient)  # type: ignore[no-untyped-call]
        features, activations, winners = _forward(batch, [*weights, *biases])
        gradients = _backward(gradient, weights, activations, winners)
    return all(
        torch.equal(ours, torchs)
        for ours, torchs in zip(
            [features, *gradients], [expected, *(each.grad for each in (*weights, *biases))], strict=True
        )
        if torchs is not None
    )


class _Compiled(torch.autograd.Function):
    """`_forward` and `_backward` as one operation of torch's: images and parameters in, features out."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, *parameters: Tensor) -> Tensor:
        features, activations, winners = _forward(images, parameters)
        ctx.save_for_backward(activations, winners, *parameters[:3])
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        activations, winners, *weights = ctx.saved_tensors
        return None, *_backward(gradient, weights, activations, winners)


def _forward(images: Tensor, parameters: Sequence[Tensor], *, keep: bool = True) -> tuple[Tensor, Tensor, Tensor]:
    """The features, and what `_backward` takes: activations float32 and winners uint8, a row an image, unless
    these need not be kept."""
    library = _library()
    assert library is not None
    images = images.contiguous()
    n = len(images)
    kept = n if keep else 0
    features = torch.empty(n, *_FEATURES)
    activations = torch.empty(kept, ctypes.c_int.in_dll(library, "ACTIVATIONS_OF_AN_IMAGE").value)
    winners = torch.empty(kept, ctypes.c_int.in_dll(library, "WINNERS_OF_AN_IMAGE").value, dtype=torch.uint8)
    failed = library.forward(
        n,
        images.data_ptr(),
        _pointers(parameters[:3]),
        _pointers(parameters[3:]),
        activations.data_ptr() if kept else None,
        winners.data_ptr() if kept else None,
        features.data_ptr(),
        torch.get_num_threads(),
    )
    if failed:
        raise MemoryError
    return features, activations, winners


def _backward(gradient: Tensor, weights: Sequence[Tensor], activations: Tensor, winners: Tensor) -> list[Tensor]:
    """The gradients of the three weights, then of the three biases, from that of the features."""
    library = _library()
    assert library is not None
    gradient = gradient.contiguous()
    n, threads = len(gradient), torch.get_num_threads()
    weight_gradients = [torch.empty(weight.shape) for weight in weights]
    bias_gradients = [torch.empty(len(weight)) for weight in weights]
    failed = library.backward(
        n,
        gradient.data_ptr(),
        _pointers(weights),
        activations.data_ptr(),
        winners.data_ptr(),
        _pointers(weight_gradients),
        _pointers(bias_gradients),
        (ctypes.c_int32 * 3)(*_weight_groups(threads, n)),
        (ctypes.c_int32 * 3)(*_bias_groups(threads, n)),
        threads,
    )
    if failed:
        raise MemoryError
    return [*weight_gradients, *bias_gradients]


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * 3)(*(tensor.data_ptr() for tensor in tensors))


_BLOCK = 8
"""Channels that oneDNN's AVX2 kernels work on at once."""


@functools.cache
def _weight_groups(threads: int, images: int) -> tuple[int, ...]:
    """For each layer: in how many groups oneDNN sums up the images for the weights' gradients."""
    return tuple(
        _groups(threads, -(-i // _BLOCK) * (o // _BLOCK), 9 * min(i, _BLOCK) * _BLOCK, images)
        for i, o in itertools.pairwise(CHANNELS)
    )


@functools.cache
def _bias_groups(threads: int, images: int) -> tuple[int, ...]:
    return tuple(_groups(threads, o // _BLOCK, _BLOCK, images) for o in CHANNELS[1:])


def _groups(threads: int, jobs: int, job_size: int, images: int) -> int:
    """How many threads share a job, each taking a part of the images: oneDNN's `reduce_balancer_t` (cpu_reducer.cpp).

    The threads share `jobs` sums of `job_size` numbers each; what counts is the work of the busiest thread.
    """
    fewest = max(1, jobs // threads)
    most_when_shared = max(1, (1 << 21) // (threads * job_size))
    sharing = min(threads // min(jobs // fewest, threads), images)
    least_work = jobs * job_size * images
    for jobs_each in range(fewest, jobs):
        teams = min(jobs // jobs_each, threads)
        members = min(threads // teams, images)
        jobs_of_a_team = -(-jobs // teams)
        if members > 1 and jobs_of_a_team > most_when_shared:
            continue
        work = job_size * jobs_of_a_team * (-(-images // members) + (members != 1))
        if work < least_work:
            sharing, least_work = members, work
    return sharing
