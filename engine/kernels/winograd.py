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

from engine.kernels.compiled import library, takes_channels

_WORTH_IT = 512
"""Inputs times outputs. With fewer the transforms cost what they save: 16 to 16 channels took 1.06 and 1.00 ms."""


class Convolution(nn.Conv2d):
    """A 3×3 convolution of images (n, c, h, w) with padding 1 and without a bias.

    Its weight is that of `nn.Conv2d`.
    """

    def __init__(self, inputs: int, outputs: int) -> None:
        super().__init__(inputs, outputs, kernel_size=3, padding=1, bias=False)

    def forward(self, x: Tensor) -> Tensor:
        if not _is_made_for(x, self.weight):
            return super().forward(x)
        result: Tensor = _Convolved.apply(x, self.weight)
        return result


def _is_made_for(x: Tensor, weight: Tensor) -> bool:
    inputs = x.shape[1]
    return (
        x.device.type == "cpu"
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
    def forward(ctx: Any, x: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(x, weight)
        return _convolved(x, weight, weight.stride())

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor]:
        x, weight = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        to_x = None
        if ctx.needs_input_grad[0]:
            # The gradient of x is that of the outputs, convolved with the weights turned around, from the last tap on.
            output, tap_of_input, row, column = weight.stride()
            to_x = _convolved(gradient, weight[..., 2:, 2:], (tap_of_input, output, -row, -column), weight.shape[1])
        return to_x, _weight_gradient(x, gradient, weight)


def _convolved(x: Tensor, weight: Tensor, strides: tuple[int, ...], outputs: int | None = None) -> Tensor:
    """Return `x` convolved with the weights that begin where `weight` does, and lie as `strides` say."""
    code = library()
    assert code is not None
    n, inputs, height, width = x.shape
    outputs = len(weight) if outputs is None else outputs
    threads = torch.get_num_threads()
    out = torch.empty((n, outputs, height, width), memory_format=torch.channels_last)
    room = torch.empty(_room_of_weights(inputs, outputs) + threads * _room_of_a_part(inputs, outputs))
    shape = (ctypes.c_int64 * 5)(n, height, width, inputs, outputs)
    code.convolve(
        shape, x.data_ptr(), weight.data_ptr(), (ctypes.c_int64 * 4)(*strides), out.data_ptr(), room.data_ptr(), threads
    )
    return out


def _weight_gradient(x: Tensor, gradient: Tensor, weight: Tensor) -> Tensor:
    code = library()
    assert code is not None
    n, inputs, height, width = x.shape
    outputs, threads = len(weight), torch.get_num_threads()
    to_weight = torch.empty_like(weight)
    room = torch.empty(threads * (_room_of_weights(inputs, outputs) + _room_of_a_part(inputs, outputs)))
    shape = (ctypes.c_int64 * 5)(n, height, width, inputs, outputs)
    strides = (ctypes.c_int64 * 4)(*to_weight.stride())
    code.convolve_weight_gradients(
        shape, x.data_ptr(), gradient.data_ptr(), to_weight.data_ptr(), strides, room.data_ptr(), threads
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
