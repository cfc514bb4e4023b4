"""3×3 convolutions with 36 multiplications where the definition has 144, for networks that promise no notebook's bits.

`winograd.c` explains how. torch's convolutions are as fast as the processor multiplies, so a faster one must multiply
less. It rounds differently: its error is up to 2.5 times that of torch's convolution, below a millionth of the results.
It is for float32 on an x86-64 processor, with channels last; otherwise torch computes.
"""

from __future__ import annotations

import ctypes
import functools
from typing import Any

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.kernels.compiled import address, is_left_to_torch, library, takes_channels

_WORTH_IT = 512
"""Inputs times outputs. With fewer the transforms cost what they save: 16 to 16 channels took 1.06 and 1.00 ms."""


class Convolution(nn.Conv2d):
    """A 3×3 convolution of images (n, c, h, w) with padding 1 and without a bias, then 2×2 max-pooling if `pool`.

    Its weight is that of `nn.Conv2d`. Pooling drops a last odd line, as torch's does.
    """

    def __init__(self, inputs: int, outputs: int, *, pool: bool = False) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=False)
        self.pool = pool

    def forward(self, x: Tensor) -> Tensor:
        if not _is_made_for(x, self.weight):
            x = super().forward(x)
            return functional.max_pool2d(x, 2) if self.pool else x
        result: Tensor = _Convolved.apply(x, self.weight, self.pool)
        return result


def _is_made_for(x: Tensor, weight: Tensor) -> bool:
    inputs = x.shape[1]
    return (
        not is_left_to_torch()
        and x.device.type == "cpu"
        and x.dtype == weight.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
        and not torch.is_autocast_enabled("cpu")
        and inputs * len(weight) >= _WORTH_IT
        and _takes(inputs)
        and _takes(len(weight))
    )


def _takes(channels: int) -> bool:
    """Unlike other compiled code, this one also takes channels that fill a register but for its half."""
    return channels % 8 == 0 and takes_channels(channels + channels % 16)


class _Convolved(torch.autograd.Function):
    """The compiled code as one operation of torch."""

    @staticmethod
    def forward(ctx: Any, x: Tensor, weight: Tensor, pool: bool) -> Tensor:
        n, _, height, width = x.shape
        size = (n, len(weight), height // 2, width // 2) if pool else (n, len(weight), height, width)
        out = torch.empty(size, memory_format=torch.channels_last)
        winners = torch.empty(out.numel(), dtype=torch.uint8) if pool else None
        _convolve(x, None, weight, weight.stride(), out, winners, (height, width))
        ctx.save_for_backward(x, weight, winners)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        x, weight, winners = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        to_x = to_weight = None
        if ctx.needs_input_grad[0]:
            # The gradient of x is that of the outputs, convolved with the weights turned around, from the last tap on.
            output, tap_of_input, row, column = weight.stride()
            strides = (tap_of_input, output, -row, -column)
            to_x = torch.empty_like(x)
            _convolve(gradient, winners, weight[..., 2:, 2:], strides, to_x, None, tuple(x.shape[2:]))
        if ctx.needs_input_grad[1]:
            to_weight = _weight_gradient(x, gradient, winners, weight)
        return to_x, to_weight, None


def _convolve(
    x: Tensor,
    x_winners: Tensor | None,
    weight: Tensor,
    strides: tuple[int, ...],
    out: Tensor,
    winners: Tensor | None,
    size: tuple[int, ...],
) -> None:
    """Fill `out` with `x` convolved with the weights that begin where `weight` does, and lie as `strides` say.

    With winners the numbers beside them are pooled; `size` is the height and the width without.
    """
    code = library()
    assert code is not None
    (n, inputs), outputs, threads = x.shape[:2], out.shape[1], torch.get_num_threads()
    room = torch.empty(_room_of_weights(inputs, outputs) + threads * _room_of_a_part(inputs, outputs))
    code.convolve(
        (ctypes.c_int64 * 5)(n, *size, inputs, outputs),
        *map(address, (x, x_winners, weight)),
        (ctypes.c_int64 * 4)(*strides),
        *map(address, (out, winners, room)),
        threads,
    )


def _weight_gradient(x: Tensor, gradient: Tensor, winners: Tensor | None, weight: Tensor) -> Tensor:
    code = library()
    assert code is not None
    n, inputs, height, width = x.shape
    outputs, threads = len(weight), torch.get_num_threads()
    to_weight = torch.empty_like(weight)
    room = torch.empty(threads * (_room_of_weights(inputs, outputs) + _room_of_a_part(inputs, outputs)))
    code.convolve_weight_gradients(
        (ctypes.c_int64 * 5)(n, height, width, inputs, outputs),
        *map(address, (x, gradient, winners, to_weight)),
        (ctypes.c_int64 * 4)(*to_weight.stride()),
        room.data_ptr(),
        threads,
    )
    return to_weight


@functools.cache
def _room_of_weights(inputs: int, outputs: int) -> int:
    code = library()
    assert code is not None
    return int(code.room_of_weights(inputs, outputs))


@functools.cache
def _room_of_a_part(inputs: int, outputs: int) -> int:
    code = library()
    assert code is not None
    return int(code.room_of_a_part(inputs, outputs))
