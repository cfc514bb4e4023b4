"""How a trained network looks at a test image: as it is, mirrored, shifted. The views' logits are averaged."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from engine.recipe.geometry import reflected

VIEWS = (1, 2, 6)
"""How many views there can be: the image; with its mirror image; with both shifted by a pixel in two directions."""


def logits(model: nn.Module, inputs: Tensor, views: int) -> tuple[Tensor, Tensor]:
    """Return the logits of `inputs` (n, c, h, w), weighted over the views, and those of the plain images: (n, classes).

    With 2 views the image and its mirror image count for half each. With 6 they count for a quarter each, and both
    shifted by one pixel, up and to the left as well as down and to the right, for an eighth each.
    """
    plain: Tensor = model(inputs)
    if views == 1:
        return plain, plain
    mirrored = inputs.flip(3)
    weighted = (plain.float() + model(mirrored).float()) / 2
    if views == 2:
        return weighted, plain
    shifted = [model(_shifted(view, pixels)).float() for view in (inputs, mirrored) for pixels in (-1, 1)]
    return weighted / 2 + torch.stack(shifted).sum(0) / 8, plain


def _shifted(images: Tensor, pixels: int) -> Tensor:
    """Return `images` (n, c, h, w) shifted down and to the right, in the layout they have, with reflected borders."""
    height, width = images.shape[2:]
    rows = reflected(torch.arange(height, device=images.device) - pixels, height)
    columns = reflected(torch.arange(width, device=images.device) - pixels, width)
    return torch.empty_like(images).copy_(images[:, :, rows[:, None], columns])
