"""Many small tensors as one.

An operation on ten small tensors takes ten calls, on one large tensor it takes one. So an optimizer works on flat
tensors, and the layers keep views into them.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Flat:
    """Parameters of one dtype, in one tensor."""

    parameters: tuple[nn.Parameter, ...]
    """The layers' parameters, which are views of `values`."""
    values: Tensor
    """Shape (p,)."""
    names: tuple[str, ...] = ()
    """The parameters' names in the network."""
    until: float = 1.0
    """The part of a run, from its start, in which these parameters learn."""

    def views(self, flat: Tensor) -> list[Tensor]:
        """Return parts of `flat` (p,) with the shapes and strides of the parameters, one for each."""
        parts, start = [], 0
        for parameter in self.parameters:
            parts.append(flat.as_strided(parameter.shape, parameter.stride(), start))
            start += parameter.numel()
        return parts

    def in_order(self, flat: Tensor) -> Tensor:
        """Return a copy of `flat` (p,) in the order of the parameters' indices, whatever their layout in memory."""
        return torch.cat([view.reshape(-1) for view in self.views(flat)])

    def put(self, flat: Tensor, in_order: Tensor) -> None:
        """Copy what `in_order` returned into `flat`, whatever the layout was then."""
        views = self.views(flat)
        for view, values in zip(views, torch.split(in_order, [view.numel() for view in views]), strict=True):
            view.copy_(values.view(view.shape))


def flatten(parameters: Iterable[tuple[str, nn.Parameter]], until: Mapping[str, float]) -> list[Flat]:
    """Move named parameters into one flat tensor for each dtype and each part of a run. Frozen ones are left out.

    `until` is the part of a run in which a parameter learns, by its name; all of it for the others. The layers keep
    views of the tensors, with the same values, shapes and strides.
    """
    groups: dict[tuple[torch.dtype, float], list[tuple[str, nn.Parameter]]] = {}
    for name, parameter in parameters:
        if parameter.requires_grad:
            groups.setdefault((parameter.dtype, until.get(name, 1.0)), []).append((name, parameter))
    return [_flat(group, part) for (_, part), group in groups.items()]


def _flat(named: Sequence[tuple[str, nn.Parameter]], until: float) -> Flat:
    names, parameters = zip(*named, strict=True)
    like = parameters[0]
    values = torch.empty(sum(p.numel() for p in parameters), dtype=like.dtype, device=like.device)
    flat = Flat(parameters, values, names, until)
    for parameter, view in zip(parameters, flat.views(flat.values), strict=True):
        view.copy_(parameter.data)
        parameter.data = view
    return flat
