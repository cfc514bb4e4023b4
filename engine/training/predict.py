"""What a network makes of images."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional

from engine.hardware.precision import autocast
from engine.recipe import views as looks
from engine.training.resident import ResidentImages

BATCH = 500
"""Images that are classified at once. The logits of an image do not depend on it."""


@dataclass(frozen=True)
class Predictions:
    """What came out for n images."""

    classes: NDArray[np.int64]
    """The predicted class index of each image, shape (n,), from all views."""
    plain: NDArray[np.int64]
    """The same from one view."""
    loss: float
    """The mean cross-entropy, from all views."""
    probabilities: NDArray[np.float32]
    """Shape (n, classes), from all views."""


def predict(
    model: nn.Module,
    images: ResidentImages,
    precision: str,
    goes_on: Callable[[], bool] = lambda: True,
    *,
    views: int = 1,
) -> Predictions | None:
    """Classify every image, looking at each `views` times (see `engine.recipe.views`); None once `goes_on` is False.

    Draws no random numbers: evaluating a run in between does not change it.
    """
    model.eval()
    classes, plain, losses, outputs = [], [], [], []
    with torch.inference_mode(), autocast(precision, images.device):
        for start in range(0, len(images), BATCH):
            if not goes_on():
                return None
            inputs, labels = images.batch(slice(start, start + BATCH))
            logits, of_one_view = looks.logits(model, inputs, views)
            classes.append(logits.argmax(dim=1).cpu())
            plain.append(classes[-1] if views == 1 else of_one_view.argmax(dim=1).cpu())
            losses.append(functional.cross_entropy(logits.float(), labels, reduction="sum"))
            outputs.append(logits.float().cpu())
    loss = torch.stack(losses).double().sum().item() / len(images)
    probabilities = torch.cat(outputs).softmax(dim=1).numpy()
    return Predictions(torch.cat(classes).numpy(), torch.cat(plain).numpy(), loss, probabilities)
