"""Constants that do not go together, each allowed by itself."""

from __future__ import annotations

from dataclasses import fields
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from engine.config.training import TrainingConfig

_WIDE = "speedrun"
"""The network whose width is a constant."""


def contradictions(config: TrainingConfig) -> dict[str, str]:
    """Return what is wrong with constants that are allowed only together with others, by their names.

    A constant with its default value never contradicts the others.
    """
    defaults = {each.name: each.default for each in fields(config)}
    problems = {name: reason for name, reason in fixed(config).items() if getattr(config, name) != defaults[name]}
    if config.warmup and config.warmup >= config.epochs:
        problems["warmup"] = (
            f"{config.warmup:g} epochs are not less than the {config.epochs} of the run; less, or more epochs"
        )
    if config.test_views > 2 and "shift" not in config.augmentation:
        problems["test_views"] = _never_seen("moved", "flip and shift", "1" if config.augmentation == "none" else "2")
    return problems


def fixed(config: TrainingConfig) -> dict[str, str]:
    """Return the constants that must keep their defaults because of the others, with the reason and what to do."""
    reasons = {}
    if config.optimizer in ("adam", "adamw"):
        reasons["momentum"] = f"{config.optimizer} has a momentum of its own; 0 here, or choose sgd or muon"
    if config.optimizer == "adam":
        reasons["weight_decay"] = "adam has none here; choose adamw, sgd or muon, or 0"
    if config.augmentation == "none":
        reasons["test_views"] = _never_seen("mirrored", "flip", "1")
    if not config.evaluate_each_epoch:
        for name, without in (("patience", "0"), ("keep_best", "no")):
            reasons[name] = f"it needs an accuracy after each epoch; evaluate each epoch, or {without}"
    if config.model != _WIDE:
        reasons["width"] = f"{config.model} has a fixed width; leave it as it is, or choose {_WIDE}"
    return reasons


def _never_seen(how: str, augmentation: str, views: str) -> str:
    return (
        f"more views are {how} images, which the network never sees in training;"
        f" choose an augmentation with {augmentation}, or {views}"
    )
