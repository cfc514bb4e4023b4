"""Adam's step on flat float32 tensors on a processor, by `adam.c` or, operation by operation, by torch: the same bits.

This is checked once: both move made-up numbers. If one bit differs, torch computes.
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

import torch
from torch import Tensor

from engine.kernels.compiled import library

BETA1, BETA2 = 0.9, 0.999
"""Decay of the running means of the gradient and of its square. The defaults of torch and of Adam's paper."""

EPSILON = 1e-8
"""Keeps the division finite. The default of torch and of the paper."""


@dataclass(frozen=True)
class Moved:
    """Tensors of one shape (p,) that a step works on, in place."""

    values: Tensor
    gradient: Tensor
    exp_avg: Tensor
    exp_avg_sq: Tensor
    root: Tensor
    """Room for an intermediate result."""


def move(moved: Moved, steps: float, rate: float) -> None:
    """Take Adam's step number `steps`, from 1, with the learning rate `rate`."""
    if _is_made_for(moved.values) and _is_equal():
        _move_compiled(moved, steps, rate)
    else:
        _move_by_torch(moved, steps, rate)


def _is_made_for(values: Tensor) -> bool:
    return values.device.type == "cpu" and values.dtype == torch.float32


def _move_by_torch(moved: Moved, steps: float, rate: float) -> None:
    """The operations of torch.optim.adam._single_tensor_adam in their order, without its temporary tensors."""
    moved.exp_avg.lerp_(moved.gradient, 1 - BETA1)
    moved.exp_avg_sq.mul_(BETA2).addcmul_(moved.gradient, moved.gradient, value=1 - BETA2)
    torch.sqrt(moved.exp_avg_sq, out=moved.root)
    moved.root.div_(math.sqrt(1 - BETA2**steps)).add_(EPSILON)
    moved.values.addcdiv_(moved.exp_avg, moved.root, value=-rate / (1 - BETA1**steps))


def _move_compiled(moved: Moved, steps: float, rate: float) -> None:
    code = library()
    assert code is not None
    n, threads = moved.values.numel(), torch.get_num_threads()
    gradient, exp_avg, exp_avg_sq = (each.data_ptr() for each in (moved.gradient, moved.exp_avg, moved.exp_avg_sq))
    code.adam_moments(n, gradient, exp_avg, exp_avg_sq, 1 - BETA1, BETA2, 1 - BETA2, threads)
    torch.sqrt(moved.exp_avg_sq, out=moved.root)
    divisor, size = math.sqrt(1 - BETA2**steps), -rate / (1 - BETA1**steps)
    code.adam_step(n, moved.values.data_ptr(), exp_avg, moved.root.data_ptr(), divisor, EPSILON, size, threads)


@functools.cache
def _is_equal() -> bool:
    if library() is None:
        return False
    generator = torch.Generator().manual_seed(0)
    with torch.inference_mode(False), torch.no_grad():
        # Gradients of many magnitudes, and a count that leaves a rest for every width of register.
        magnitudes = 10.0 ** torch.randint(-9, 2, (5, 4099), generator=generator)
        numbers = torch.randn(5, 4099, generator=generator) * magnitudes
        numbers[3].abs_()
        ours, torchs = (Moved(*numbers.clone()) for _ in range(2))
        for steps in (1.0, 2.0, 1000.0):
            _move_compiled(ours, steps, 0.1 / 3)
            _move_by_torch(torchs, steps, 0.1 / 3)
    return all(torch.equal(getattr(ours, name), getattr(torchs, name)) for name in ("values", "exp_avg", "exp_avg_sq"))
