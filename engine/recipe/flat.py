"""Many small tensors as one.

An operation on ten small tensors takes ten calls, on one large tensor it takes one. So an optimizer works on flat
tensors, and the layers keep views into them.
"""

from __future__ import annotations

from collections.abc import Iterable

import torch
from torch import nn


def flatten(parameters: Iterable[nn.Parameter]) -> list[nn.Parameter]:
    """Move `parameters` into one flat parameter (p,) per dtype, with gradients of zeros. Frozen ones are left out.

    The layers keep views of both, with the same values, shapes and strides. From now on the gradients must be zeroed in
    place: a new `grad` tensor would not be part of the flat one.
    """
    groups: dict[torch.dtype, list[nn.Parameter]] = {}
    for parameter in parameters:
        if parameter.requires_grad:
            groups.setdefault(parameter.dtype, []).append(parameter)
    return [_flat(group) for group in groups.values()]


def _flat(parameters: list[nn.Parameter]) -> nn.Parameter:
    like = parameters[0]
    flat = nn.Parameter(torch.empty(sum(p.numel() for p in parameters), dtype=like.dtype, device=like.device))
    flat.grad = torch.zeros_like(flat)
    start = 0
    for parameter in parameters:
        view = flat.data.as_strided(parameter.shape, parameter.stride(), start)
        view.copy_(parameter.data)
        parameter.data = view
        parameter.grad = flat.grad.as_strided(parameter.shape, parameter.stride(), start)
        start += parameter.numel()
    return flat
