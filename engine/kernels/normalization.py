"""Batch normalization with what follows it: GELU, or ReLU after the sum with a shortcut or 2×2 max-pooling.

`normalization.c` does all of it in one operation, which reads the activations half as often as torch's operations one
by one. It rounds differently, so the notebook's network does not use it. It is for float32 on an x86-64 processor, with
channels last, in training and, without gradients, in evaluation; otherwise torch computes.

Where several processes have a part of each batch, mean and variance are those of the whole batch: each process sums,
forward and backward, and `Normalization.together` adds up the sums.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable, Sequence
from typing import Any, Literal, Protocol

import torch
from torch import Tensor, nn
from torch.autograd.function import once_differentiable
from torch.nn import functional

from engine.kernels.compiled import address, is_left_to_torch, library, takes_channels


class Together(Protocol):
    """The processes that have a part of each batch. They do the same at the same time."""

    def add_up(self, tensor: Tensor) -> None:
        """Let `tensor` be the sum of those of all processes."""

    def share(self, tensors: Sequence[Tensor]) -> None:
        """Let `tensors` be those of the process that has the first part."""


_SUM, _REST = 1, 2
"""What the compiled code does in one call, see `normalization.c`."""


class Normalization(nn.BatchNorm2d):
    """Batch normalization of images (n, c, h, w), then 2×2 max-pooling if `pool`, then an activation.

    Its parameters and buffers are those of `nn.BatchNorm2d`. Without `scale` the weights stay 1 and have no gradients.
    After GELU, which does not only grow, pooling would be something else: it is not offered.
    """

    momentum: float
    together: Together | None = None
    """None while this process has whole batches. Only training uses it."""

    def __init__(
        self,
        channels: int,
        *,
        pool: bool = False,
        activation: Literal["relu", "gelu"] = "relu",
        scale: bool = True,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> None:
        super().__init__(channels, eps, momentum)
        assert not (pool and activation == "gelu")
        self.pool, self.gelu = pool, activation == "gelu"
        self.weight.requires_grad_(scale)

    def forward(self, x: Tensor, added: Tensor | None = None) -> Tensor:
        """Return the result; `added`, of the same shape as `x`, is added before ReLU, and not pooled."""
        assert added is None or not self.gelu
        # Only training keeps what the backward pass needs, and only evaluation is worth compiled code without it.
        if self.training == torch.is_grad_enabled() and _is_made_for(x, self.pool):
            if self.training:
                assert self.num_batches_tracked is not None
                self.num_batches_tracked.add_(1)
            result: Tensor = _Normalized.apply(x, self.weight, self.bias, added, self)
            return result
        x = super().forward(x) if self.together is None or not self.training else self._of_parts(x, self.together)
        if self.gelu:
            return functional.gelu(x)
        if added is not None:
            x = x + added
        # ReLU after pooling is a quarter of the work and the same, gradients included: both only compare values.
        return functional.relu(functional.max_pool2d(x, 2) if self.pool else x)

    def _of_parts(self, x: Tensor, together: Together) -> Tensor:
        """Normalize by the mean and the variance of the parts of all processes, with torch's operations."""
        assert self.running_mean is not None
        assert self.running_var is not None
        assert self.num_batches_tracked is not None
        n, channels, height, width = x.shape
        about = self.running_mean.clone()  # the same in every process; near the mean, so that little cancels
        difference = x.float() - about.view(1, -1, 1, 1)
        rows = torch.full((1,), n * height * width, dtype=torch.float64, device=x.device)
        sums = [difference.sum((0, 2, 3)), difference.square().sum((0, 2, 3))]
        totals: Tensor = _AddedUp.apply(torch.cat([*(each.double() for each in sums), rows]), together)
        total = totals[-1].detach()
        mean = totals[:channels] / total
        variance = (totals[channels:-1] / total - mean.square()).clamp_min(0)
        with torch.no_grad():
            self.num_batches_tracked.add_(1)
            unbiased = variance * total / (total - 1).clamp_min(1)
            self.running_mean.add_((about + mean.float() - self.running_mean) * self.momentum)
            self.running_var.add_((unbiased.float() - self.running_var) * self.momentum)
        scale = self.weight * (variance + self.eps).rsqrt().float()
        normalized = (difference - mean.float().view(1, -1, 1, 1)) * scale.view(1, -1, 1, 1)
        return (normalized + self.bias.view(1, -1, 1, 1)).to(x.dtype)


class _AddedUp(torch.autograd.Function):
    """A sum over all processes; its gradient is the sum of their gradients, since each of them uses it."""

    @staticmethod
    def forward(ctx: Any, part: Tensor, together: Together) -> Tensor:
        ctx.together = together
        total = part.clone()
        together.add_up(total)
        return total

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        total = gradient.clone()
        ctx.together.add_up(total)
        return total, None


def _is_made_for(x: Tensor, pool: bool) -> bool:
    _, channels, height, width = x.shape
    return (
        not is_left_to_torch()
        and x.device.type == "cpu"
        and x.dtype == torch.float32
        and x.is_contiguous(memory_format=torch.channels_last)
        and not (pool and (height % 2 or width % 2))
        and takes_channels(channels)
    )


class _Normalized(torch.autograd.Function):
    """The compiled code as one operation of torch."""

    @staticmethod
    def forward(
        ctx: Any, x: Tensor, weight: Tensor, bias: Tensor, added: Tensor | None, layer: Normalization
    ) -> Tensor:
        code = library()
        assert code is not None
        n, channels, height, width = x.shape
        if added is not None:
            added = added.contiguous(memory_format=torch.channels_last)
        size = (n, channels, height // 2, width // 2) if layer.pool else x.shape
        out = torch.empty(size, memory_format=torch.channels_last)
        winners = torch.empty(out.numel() if layer.pool else 0, dtype=torch.uint8)
        mean, inverse = torch.empty(channels), torch.empty(channels)
        room = _room(channels)
        shape = (ctypes.c_int64 * 6)(n, height, width, channels, layer.pool, layer.gelu)
        together = layer.together if layer.training else None
        totals = torch.empty(2 * channels + 1, dtype=torch.float64)
        about = x[:1, :, 0, 0].clone()  # differences to the first pixel cancel little
        if together is not None:
            together.share([about])  # that of the whole batch, so that the sums round as those of one process

        def work(which: int, rows: float) -> None:
            code.normalize(
                shape,
                *map(address, (x, weight, bias, added)),
                layer.training,
                layer.eps,
                layer.momentum,
                *map(address, (layer.running_mean, layer.running_var, mean, inverse, out, winners, room)),
                torch.get_num_threads(),
                which,
                *map(address, (about, totals)),
                rows,
            )

        _worked(work, n * height * width, totals, together)
        ctx.save_for_backward(x, weight, bias, mean, inverse, out, winners)
        ctx.shape, ctx.has_added, ctx.together = shape, added is not None, together
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, ...]:
        code = library()
        assert code is not None
        x, weight, bias, mean, inverse, out, winners = ctx.saved_tensors
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        to_x, to_added = torch.empty_like(x), torch.empty_like(x) if ctx.has_added else None
        to_weight, to_bias = torch.empty_like(weight), torch.empty_like(bias)
        room, totals = _room(len(weight)), torch.empty(2 * len(weight) + 1, dtype=torch.float64)

        def work(which: int, rows: float) -> None:
            code.normalize_backward(
                ctx.shape,
                *map(address, (gradient, x, weight, bias, mean, inverse, out, winners)),
                *map(address, (to_x, to_weight, to_bias, to_added, room)),
                torch.get_num_threads(),
                which,
                address(totals),
                rows,
            )

        _worked(work, x.numel() // len(weight), totals, ctx.together)
        return to_x, to_weight if ctx.needs_input_grad[1] else None, to_bias, to_added, None


def _worked(work: Callable[[int, float], None], rows: int, totals: Tensor, together: Together | None) -> None:
    """Do the `work` on so many rows, in one go or `together` with the other processes.

    `totals` (2 * channels + 1,) has two sums of each channel in between, and the number of rows.
    """
    if together is None:
        work(_SUM | _REST, rows)
        return
    work(_SUM, rows)
    totals[-1] = rows
    together.add_up(totals)
    work(_REST, totals[-1].item())


def _room(channels: int) -> Tensor:
    """Two sums of each channel for each thread."""
    return torch.empty(2 * torch.get_num_threads() * channels, dtype=torch.float64)
