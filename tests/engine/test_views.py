"""Several looks at a test image, against evaluating them one by one."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor, nn
from torch.nn.functional import pad

from engine.recipe.views import VIEWS, logits


def built() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(3, 4, 5, stride=3), nn.ReLU(), nn.Flatten(), nn.Linear(400, 10))


def one_by_one(model: nn.Module, image: Tensor, views: int) -> Tensor:
    """The weighted logits (classes,) of one image (3, 32, 32)."""

    def of(view: Tensor) -> Tensor:
        result: Tensor = model(view[None])[0]
        return result

    mirror = image.flip(2)
    if views == 1:
        return of(image)
    if views == 2:
        return 0.5 * of(image) + 0.5 * of(mirror)
    total = 0.25 * of(image) + 0.25 * of(mirror)
    for each in (image, mirror):
        bordered = pad(each[None], (1, 1, 1, 1), mode="reflect")[0]
        total = total + 0.125 * of(bordered[:, :32, :32]) + 0.125 * of(bordered[:, 2:, 2:])
    return total


@pytest.mark.parametrize("views", VIEWS)
@pytest.mark.parametrize("layout", [torch.contiguous_format, torch.channels_last])
@torch.no_grad()
def test_as_one_by_one(views: int, layout: torch.memory_format) -> None:
    """Views are weighted as if each had been evaluated by itself, and the plain image's logits stay what they are."""
    model, images = built().to(memory_format=layout), torch.randn(5, 3, 32, 32).contiguous(memory_format=layout)
    weighted, plain = logits(model, images, views)
    expected = torch.stack([one_by_one(model, image, views) for image in images])
    torch.testing.assert_close(weighted, expected, rtol=1e-5, atol=1e-5)
    assert torch.equal(plain, model(images))


@torch.no_grad()
def test_views_keep_the_layout() -> None:
    """The network is given every view in the layout of the images, which is the one it is fast in."""
    seen = []
    model = built()
    model.register_forward_pre_hook(lambda module, inputs: seen.append(inputs[0].stride()))
    images = torch.randn(4, 3, 32, 32).contiguous(memory_format=torch.channels_last)
    logits(model, images, 6)
    assert seen == [images.stride()] * 6
