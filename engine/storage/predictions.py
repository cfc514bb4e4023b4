"""What a network made of each image, kept of some evaluations: one safetensors file each, in the folder `predictions`.

A file holds `probabilities` (float16, shape (n, classes), from all views), `labels` and `predicted` (uint16, shape
(n,)), in the order of the test images or of the validation images. It is called `iteration-<n>.safetensors` if it is of
test images, and `validation-<n>.safetensors` otherwise. It is written as a whole, and then named by the journal with
its hash.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError
from safetensors.numpy import load, save

from engine.errors import RunFolderError
from engine.files import read_bounded
from engine.record.classified import Classified
from engine.record.evaluation import confusion_matrix
from engine.record.events import Evaluated, KeptPredictions, SplitName
from engine.storage.durable import replace_synced
from engine.storage.layout import PREDICTIONS
from engine.storage.whole import remove

MOST_FILES = 32
"""Evaluations that stay, beside the newest two and the best. Those of CIFAR-10 take 0.24 MB each."""

MOST_BYTES = 1 << 24
"""Bytes that those evaluations take together, if they are more than one."""

_LARGEST_HEADER = 1 << 12
"""Bytes."""

Keep = Callable[[SplitName, int, Classified], KeptPredictions | None]
"""Keeps what an evaluation of images of that split found after so many iterations. Returns None if that failed."""


def write(
    folder: Path, evaluations: Sequence[Evaluated], split: SplitName, iteration: int, found: Classified
) -> KeptPredictions:
    """Write what an evaluation found to the run in `folder`, and fsync. `evaluations` are those before it.

    Older files that need not stay are removed first. Raises `OSError`, and `RunFolderError` if a probability is not
    finite; nothing is named by the journal then.
    """
    thin(folder, evaluations)
    if not np.isfinite(found.probabilities).all():
        raise RunFolderError(f"after iteration {iteration:,} the network's outputs are not finite")
    before = sum((done.split, done.iteration) == (split, iteration) for done in evaluations)
    kind = "iteration" if split == "test" else split
    name = f"{kind}-{iteration:012d}{f'-{before + 1}' if before else ''}.safetensors"
    content = save(
        {
            "probabilities": found.probabilities.astype(np.float16),
            "labels": found.labels.astype(np.uint16),
            "predicted": found.predicted.astype(np.uint16),
        }
    )
    predictions = folder / PREDICTIONS
    predictions.mkdir(exist_ok=True)
    replace_synced(predictions / name, content)
    return KeptPredictions(name, hashlib.sha256(content).hexdigest())


def read(folder: Path, evaluated: Evaluated, classes: tuple[str, ...]) -> Classified:
    """Return what the run in `folder` kept of an evaluation, and check that it is of that evaluation.

    Raises `RunFolderError` if nothing was kept, or no longer is, or if the file is damaged.
    """
    kept = evaluated.predictions
    if kept is None:
        raise RunFolderError(
            f"Of the evaluation after iteration {evaluated.iteration:,} the run kept no predictions, only its matrix."
        )
    path, n = folder / PREDICTIONS / kept.file, evaluated.total
    expected = {
        "probabilities": (np.dtype(np.float16), (n, len(classes))),
        "labels": (np.dtype(np.uint16), (n,)),
        "predicted": (np.dtype(np.uint16), (n,)),
    }
    try:
        content = read_bounded(path, n * (2 * len(classes) + 4) + _LARGEST_HEADER)
        if hashlib.sha256(content).hexdigest() != kept.sha256:
            raise _damaged(path, "its content has changed")
        found: dict[str, NDArray[np.generic]] = load(content)
    except FileNotFoundError:
        raise RunFolderError(
            f"The predictions after iteration {evaluated.iteration:,} are no longer kept: {path} is gone."
        ) from None
    except OSError as error:
        raise RunFolderError(f"{path} cannot be read: {error.strerror or error}.") from None
    except (SafetensorError, ValueError, KeyError) as error:
        raise _damaged(path, str(error)) from None
    if {name: (tensor.dtype, tensor.shape) for name, tensor in found.items()} != expected:
        raise _damaged(path, f"it is not of {n:,} images and {len(classes):,} classes")
    probabilities = found["probabilities"].astype(np.float32)
    labels, predicted = (found[name].astype(np.int64) for name in ("labels", "predicted"))
    if not ((probabilities >= 0) & (probabilities <= 1)).all():  # false for NaN too
        raise _damaged(path, "it holds probabilities that are none")
    if max(labels.max(initial=0), predicted.max(initial=0)) >= len(classes) or (
        confusion_matrix(labels, predicted, len(classes)) != evaluated.matrix
    ):
        raise _damaged(path, "it does not fit the confusion matrix of its evaluation")
    return Classified(classes, labels, predicted, probabilities)


def thin(folder: Path, evaluations: Sequence[Evaluated]) -> None:
    """Remove the files of `evaluations` that need not stay, and what a killed process left behind. Raises `OSError`.

    The newest stays, the best of those while the network trained, and every evaluation whose number divides by a power
    of two that grows with the run. So a file that is removed would not have stayed later either, and a run that is
    resumed keeps the very files of one that was not interrupted.
    """
    if not evaluations:
        return drop_newer(folder, evaluations)
    measured = [done for done in evaluations if done.split == evaluations[0].split]
    best = max(measured, key=lambda done: done.plain_accuracy)  # the first of them
    size = max(done.total * (2 * len(done.matrix) + 4) for done in evaluations)
    most = max(1, min(MOST_FILES, MOST_BYTES // max(1, size)))
    stride = 1
    while len(evaluations) > most * stride:
        stride *= 2
    drop_newer(folder, [*evaluations[::stride], best, evaluations[-1]])
    return None


def drop_newer(folder: Path, evaluations: Sequence[Evaluated]) -> None:
    """Remove everything from the predictions of the run in `folder` but those of `evaluations`. Raises `OSError`."""
    predictions = folder / PREDICTIONS
    stays = {done.predictions.file for done in evaluations if done.predictions}
    for path in predictions.iterdir() if predictions.is_dir() else ():
        if path.name not in stays:
            remove(path)


def _damaged(path: Path, how: str) -> RunFolderError:
    return RunFolderError(f"{path} is damaged: {how}. The rest of the run can still be shown.")
