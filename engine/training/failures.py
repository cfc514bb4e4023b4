"""Errors that end a training, in words that help a person."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from engine.config import TrainingConfig
from engine.errors import TrainingError
from engine.training.reporter import Reporter


@contextmanager
def reported(run: Reporter, config: TrainingConfig) -> Iterator[None]:
    """Report a failure of the training as `Failed`, and raise it as `TrainingError`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        failure = TrainingError(explained(error, config))
        run.failed(failure)
        raise failure from error
    except TrainingError as failure:
        run.failed(failure)
        raise


def explained(error: RuntimeError | MemoryError, config: TrainingConfig) -> str:
    """Return what an error of torch means and what to do. torch has few classes of errors, so the text decides."""
    text = " ".join(str(error).split("\n\n")[0].split())
    if isinstance(error, MemoryError | torch.OutOfMemoryError) or "allocate memory" in text or "out of memory" in text:
        return (
            f"Out of memory with batches of {config.batch_size:,} images on {config.device}."
            " Try a smaller batch size, or close other programs that use memory."
        )
    if "CUDA" in text or "device" in text:
        return f"The device stopped working: {text[:200]}. What was recorded is kept."
    return f"Training failed: {text[:200]}"
