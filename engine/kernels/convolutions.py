"""The three convolutions of the notebook's network on a processor, each with 2×2 max-pooling and ReLU.

`convolutions.c` computes the three layers together, several times as fast as torch: it leaves out the terms of a sum
that are zero, above all the gradients that pooling and ReLU cut off. Each sum runs in the order of oneDNN's AVX2
kernels, which torch calls on a processor with AVX2, so the results are torch's bit for bit. On a processor with AVX-512
oneDNN has other kernels, which sum in another order; the compiled code keeps to the order of AVX2 there.

This is checked: before a batch size (up to 64 images) and a thread count are used for the first time, both compute a
made-up batch. Where torch takes the AVX2 kernels, every bit must be equal (another release of torch may sum in another
order). Elsewhere the numbers must agree up to rounding. If they do not, or if there was no compiler at installation,
torch computes.
"""

from __future__ import annotations

import ctypes
import functools
import itertools
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.data.imageset import IMAGE_SIZE
from engine.kernels.compiled import is_left_to_torch, library
from engine.kernels.onednn import blocked, takes_avx2_kernels

CHANNELS = (3, 16, 32, 64)
"""Channels of the images and after each layer. `convolutions.c` is written for these."""

_FEATURES = (CHANNELS[-1], IMAGE_SIZE // 8, IMAGE_SIZE // 8)

_MOST_IMAGES = 2**31 // (4 * CHANNELS[1] * IMAGE_SIZE**2) - 1
"""With 2 GB of activations or more oneDNN uses other kernels, which sum in another order."""

_COMPARED = 64
"""Batches larger than this are compared with this many images: they are computed in the same way."""


def convolved(images: Tensor, layers: Sequence[nn.Conv2d]) -> Tensor:
    """Apply convolution, 2×2 max-pooling and ReLU three times: `images` (n, 3, 32, 32) to (n, 64, 4, 4), float32.

    `layers` are 3×3 convolutions with padding 1 and the numbers of channels in `CHANNELS`.
    """
    weights = [layer.weight for layer in layers]
    biases = [layer.bias for layer in layers if layer.bias is not None]
    if not computes(images):
        return _convolved_by_torch(images, weights, biases)
    if torch.is_grad_enabled():
        features: Tensor = _Compiled.apply(images, *weights, *biases)
        return features
    return forward(images, [*weights, *biases], keep=False)[0]


def computes(images: Tensor) -> bool:
    """Return whether the compiled code computes a batch like `images` (n, 3, 32, 32); otherwise torch does."""
    return _is_made_for(images) and agrees(torch.get_num_threads(), min(len(images), _COMPARED))


def _convolved_by_torch(images: Tensor, weights: Sequence[Tensor], biases: Sequence[Tensor]) -> Tensor:
    # The notebook pools after ReLU. Both only compare values, so the order does not matter, gradients included. Pooling
    # first leaves ReLU a quarter of the work.
    x = blocked(images)
    for weight, bias in zip(weights, biases, strict=True):
        x = functional.relu(functional.max_pool2d(functional.conv2d(x, weight, bias, padding=1), 2, 2))
    return x.to_dense()


def _is_made_for(images: Tensor) -> bool:
    return (
        not is_left_to_torch()
        and images.device.type == "cpu"
        and images.dtype in (torch.float32, torch.uint8)
        and 1 < len(images) <= _MOST_IMAGES  # torch convolves a single image in another order
        and not images.requires_grad
        and not torch.is_autocast_enabled("cpu")
    )


def order_of_sums(threads: int, images: int) -> str:
    """Return, for a record, in which order the convolutions sum over batches of this many images."""
    if takes_avx2_kernels() or (1 < images <= _MOST_IMAGES and agrees(threads, min(images, _COMPARED))):
        return "as oneDNN's AVX2 kernels"
    return f"as torch's kernels for {torch.backends.cpu.get_cpu_capability()}"


def why_torch_computes(images: int) -> str | None:
    """Return why torch computes batches of this many images, although this processor could run the compiled code."""
    if library() is None:
        return "without compiled code: install again with a C compiler" if torch.cpu._is_avx2_supported() else None
    if images > 1 and not agrees(torch.get_num_threads(), min(images, _COMPARED)):
        return "with this release of torch, which sums in another order than the compiled code"
    return None


@functools.cache
def agrees(threads: int, images: int) -> bool:
    """Return whether the compiled code may be used for this many images with `threads` threads.

    Both compute the features and gradients of a made-up batch, once. torch's global random generator is not used.
    """
    if library() is None:
        return False
    generator = torch.Generator().manual_seed(0)

    def drawn(*shape: int) -> Tensor:
        return torch.rand(shape, generator=generator).sub_(0.5)

    with torch.inference_mode(False), torch.enable_grad():
        batch, gradient = drawn(images, CHANNELS[0], IMAGE_SIZE, IMAGE_SIZE), drawn(images, *_FEATURES)
        batch[: images // 4] = 0.5  # like a plain background: pooling windows with equal values
        weights = [drawn(o, i, 3, 3).requires_grad_() for i, o in itertools.pairwise(CHANNELS)]
        biases = [drawn(o).requires_grad_() for o in CHANNELS[1:]]
        expected = _convolved_by_torch(batch, weights, biases)
        expected.backward(gradient)  # type: ignore[no-untyped-call]
        features, activations, winners = forward(batch, [*weights, *biases])
        gradients = [torch.empty_like(each) for each in (*weights, *biases)]
        backward(gradient, weights, activations, winners, gradients)
    pairs = [(features, expected), *zip(gradients, [each.grad for each in (*weights, *biases)], strict=True)]
    same = _same_bits if takes_avx2_kernels() else _same_up_to_rounding
    return all(same(ours, torchs) for ours, torchs in pairs if torchs is not None)


def _same_bits(ours: Tensor, torchs: Tensor) -> bool:
    return torch.equal(ours, torchs)


def _same_up_to_rounding(ours: Tensor, torchs: Tensor) -> bool:
    # A window with two nearly equal values may have another winner, so single gradients may differ by more.
    return bool((ours - torchs).norm() <= 1e-3 * torchs.norm())


class _Compiled(torch.autograd.Function):
    """`_forward` and `_backward` as one operation of torch: images and parameters in, features out."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, *parameters: Tensor) -> Tensor:
        features, activations, winners = forward(images, parameters)
        ctx.save_for_backward(activations, winners, *parameters[:3])
        return features

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        activations, winners, *weights = ctx.saved_tensors
        gradients = [torch.empty(weight.shape) for weight in weights] + [torch.empty(len(weight)) for weight in weights]
        backward(gradient, weights, activations, winners, gradients)
        return None, *gradients


def forward(
    images: Tensor, parameters: Sequence[Tensor], *, shades: Tensor | None = None, keep: bool = True
) -> tuple[Tensor, Tensor, Tensor]:
    """Return the features (n, 64, 4, 4), the activations (float32) and the winners (uint8), a row for each image.

    `images` (n, 3, 32, 32) are float32, or bytes with the float32 for each byte in `shades` (256,). `parameters` are
    the three weights and then the three biases. `backward` needs the last two results, which are empty if `keep` is
    False. Raises `MemoryError`.
    """
    code = library()
    assert code is not None
    images = images.contiguous()
    n = len(images)
    kept = n if keep else 0
    features = torch.empty(n, *_FEATURES)
    activations = torch.empty(kept, ctypes.c_int.in_dll(code, "ACTIVATIONS_OF_AN_IMAGE").value)
    winners = torch.empty(kept, ctypes.c_int.in_dll(code, "WINNERS_OF_AN_IMAGE").value, dtype=torch.uint8)
    failed = code.forward(
        n,
        *((images.data_ptr(), None, None) if shades is None else (None, images.data_ptr(), shades.data_ptr())),
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


def backward(
    gradient: Tensor, weights: Sequence[Tensor], activations: Tensor, winners: Tensor, into: Sequence[Tensor]
) -> None:
    """Write the gradients of the three weights and then of the three biases into the tensors `into`.

    `gradient` is that of the features. Raises `MemoryError`.
    """
    code = library()
    assert code is not None
    gradient = gradient.contiguous()
    n, threads = len(gradient), torch.get_num_threads()
    failed = code.backward(
        n,
        gradient.data_ptr(),
        _pointers(weights),
        activations.data_ptr(),
        winners.data_ptr(),
        _pointers(into[:3]),
        _pointers(into[3:]),
        _weight_groups(threads, n),
        _bias_groups(threads, n),
        threads,
    )
    if failed:
        raise MemoryError


def _pointers(tensors: Sequence[Tensor]) -> ctypes.Array[ctypes.c_void_p]:
    return (ctypes.c_void_p * 3)(*(tensor.data_ptr() for tensor in tensors))


_BLOCK = 8
"""Channels that oneDNN's AVX2 kernels compute at once."""


@functools.cache
def _weight_groups(threads: int, images: int) -> ctypes.Array[ctypes.c_int32]:
    """Return for each layer in how many groups oneDNN sums over the images for the gradients of the weights."""
    return (ctypes.c_int32 * 3)(
        *(
            _groups(threads, -(-i // _BLOCK) * (o // _BLOCK), 9 * min(i, _BLOCK) * _BLOCK, images)
            for i, o in itertools.pairwise(CHANNELS)
        )
    )


@functools.cache
def _bias_groups(threads: int, images: int) -> ctypes.Array[ctypes.c_int32]:
    """Return the same for the gradients of the biases."""
    return (ctypes.c_int32 * 3)(*(_groups(threads, o // _BLOCK, _BLOCK, images) for o in CHANNELS[1:]))


def _groups(threads: int, jobs: int, job_size: int, images: int) -> int:
    """Return how many threads share a job, each with a part of the images: `reduce_balancer_t` (cpu_reducer.cpp).

    The threads share `jobs` sums of `job_size` numbers each. The best split has the least work for its busiest thread.
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
