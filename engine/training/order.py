"""The order in which an epoch shows the images."""

from __future__ import annotations

import torch
from torch import Tensor


def shuffled(length: int) -> Tensor:
    """Return one epoch's order of `length` images, int64, drawn as `DataLoader(shuffle=True)` draws it.

    torch/utils/data: creating the iterator draws one number from the global generator for its workers. Then
    `RandomSampler` draws another, which seeds a generator of its own for the permutation.
    """
    torch.empty((), dtype=torch.int64).random_()
    seed = int(torch.empty((), dtype=torch.int64).random_().item())
    return torch.randperm(length, generator=torch.Generator().manual_seed(seed))
