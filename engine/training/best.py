"""The best weights of a run so far, and how long ago that was."""

from __future__ import annotations

from collections.abc import Mapping

from torch import Tensor, nn

from engine.config import TrainingConfig
from engine.storage.checkpoint import Progress


class Best:
    """Told each accuracy that is measured while the network trains; keeps the weights of the best if it shall."""

    def __init__(self, config: TrainingConfig) -> None:
        self._keeps, self._patience = config.keep_best, config.patience
        self.progress = Progress()
        self.weights: Mapping[str, Tensor] = {}
        """The state of the network at the best accuracy; empty before the first, or if it shall not be kept."""

    def measured(self, accuracy: float, epoch: int, iteration: int, model: nn.Module) -> bool:
        """Take note of an accuracy of `model` in percent. Return whether it is the best so far."""
        progress = self.progress
        if progress.best is not None and accuracy <= progress.best:
            self.progress = Progress(
                progress.best, progress.epoch, progress.iteration, progress.epochs_without_gain + 1
            )
            return False
        self.progress = Progress(accuracy, epoch, iteration)
        if self._keeps:
            self.weights = {name: tensor.detach().clone() for name, tensor in model.state_dict().items()}
        return True

    @property
    def is_over(self) -> bool:
        """Whether the run has waited long enough for a better accuracy."""
        return 0 < self._patience <= self.progress.epochs_without_gain

    def state(self) -> dict[str, Tensor]:
        """The weights under names for a checkpoint."""
        return {f"best.{name}": tensor for name, tensor in self.weights.items()}

    def expected(self, progress: Progress, network: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """Return tensors like those of `state()` for a checkpoint with this `progress`, for a `network`'s state."""
        kept = network if self._keeps and progress.best is not None else {}
        return {f"best.{name}": tensor for name, tensor in kept.items()}

    def restore(self, progress: Progress, state: Mapping[str, Tensor]) -> None:
        """Put back what a checkpoint has of `progress` and `state()`."""
        self.progress = progress
        self.weights = {
            name.removeprefix("best."): tensor for name, tensor in state.items() if name.startswith("best.")
        }
