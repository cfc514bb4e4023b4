"""What a network makes of images."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from engine.hardware.precision import autocast
from engine.training.resident import ResidentImages

BATCH = 500
"""Images that are classified at once. The logits of an image do not depend on it."""


def predict(
    model: nn.Module, images: ResidentImages, precision: str, goes_on: Callable[[], bool] = lambda: True
) -> NDArray[np.int64] | None:
    """Return the predicted class index of every image, shape (n,); None once `goes_on` returns False.

    Draws no random numbers: evaluating a run in between does not change it.
    """
    model.eval()
    predicted = []
    with torch.inference_mode(), autocast(precision, images.device):
        for start in range(0, len(images), BATCH):
            if not goes_on():
                return None
            inputs, _ = images.batch(slice(start, start + BATCH))
            predicted.append(model(inputs).argmax(dim=1).cpu())
    predictions: NDArray[np.int64] = torch.cat(predicted).numpy()
    return predictions
