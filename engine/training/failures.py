"""Errors that end a training, in words that help a person."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import torch

from engine.config import TrainingConfig
from engine.errors import TrainingError, chain
from engine.hardware.torch_errors import message


@contextmanager
def reported(failed: Callable[[TrainingError], object], config: TrainingConfig) -> Iterator[None]:
    """Call `failed` with a failure of the training, and raise it as `TrainingError`."""
    try:
        yield
    except (RuntimeError, MemoryError) as error:
        failure = TrainingError(explained(error, config))
        failed(failure)
        for each in chain(error):
            traceback.clear_frames(each.__traceback__)  # the next run needs the memory of their tensors
        raise failure from error
    except TrainingError as failure:
        failed(failure)
        raise


def explained(error: RuntimeError | MemoryError, config: TrainingConfig) -> str:
    """Return what an error of torch means and what to do. torch has few classes of errors, so the text decides."""
    text = message(error)
    out_of_memory = any(isinstance(each, MemoryError | torch.OutOfMemoryError) for each in chain(error))
    if out_of_memory or "allocate memory" in text or "out of memory" in text:
        return (
            f"Out of memory with batches of {config.batch_size:,} images on {config.device}."
            " Try a smaller batch size, or close other programs that use memory."
        )
    if "CUDA" in text or "device" in text:
        return f"The device stopped working: {text}. What was recorded is kept."
    return f"Training failed: {text}"
