"""Constants that do not go together, each allowed by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.config.training import TrainingConfig

_WIDE = "speedrun"
"""The network whose width is a constant."""
_STANDARD_WIDTH = 64


def contradictions(config: TrainingConfig) -> dict[str, str]:
    """Return what is wrong with constants that are allowed only together with others, by their names.

    A constant with its default value never contradicts the others.
    """
    problems = {}
    if config.optimizer in ("adam", "adamw") and config.momentum:
        problems["momentum"] = f"{config.optimizer} has a momentum of its own; 0 here, or choose sgd or muon"
    if config.optimizer == "adam" and config.weight_decay:
        problems["weight_decay"] = "adam has none here; choose adamw, sgd or muon, or 0"
    if config.warmup and config.warmup >= config.epochs:
        problems["warmup"] = (
            f"{config.warmup:g} epochs are not less than the {config.epochs} of the run; less, or more epochs"
        )
    if config.test_views > 1 and config.augmentation == "none":
        problems["test_views"] = _never_seen("mirrored", config)
    elif config.test_views > 2 and "shift" not in config.augmentation:
        problems["test_views"] = _never_seen("moved", config)
    if config.patience and not config.evaluate_each_epoch:
        problems["patience"] = "it needs an accuracy after each epoch; evaluate each epoch, or 0"
    if config.keep_best and not config.evaluate_each_epoch:
        problems["keep_best"] = "it needs an accuracy after each epoch; evaluate each epoch, or no"
    if config.width != _STANDARD_WIDTH and config.model != _WIDE:
        problems["width"] = f"{config.model} has a fixed width; leave it at {_STANDARD_WIDTH}, or choose {_WIDE}"
    return problems


def _never_seen(how: str, config: TrainingConfig) -> str:
    return (
        f"{config.test_views} views are {how} images, which the network never sees in training;"
        f" choose an augmentation with {'flip and shift' if config.test_views > 2 else 'flip'}, or 1"
    )
