"""Presets: named sets of constants. A new preset is one entry in `PRESETS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.config.training import CONSTANTS, DATA_SOURCES, TrainingConfig


@dataclass(frozen=True, eq=False)
class Preset:
    """A named set of constants: how a network is trained, and on which images. Machine and places are left alone."""

    name: str
    """As in `--preset`."""
    help: str
    values: Mapping[str, object]
    """The constants that differ from their defaults."""
    reached: str = ""
    """The accuracy that it reached, where, and how long that took; empty if it was not measured."""

    def constants(self) -> dict[str, object]:
        """Return every constant that the preset sets, by name."""
        return {c.name: c.default for c in CONSTANTS if c.group in _GROUPS or c.name == "data"} | dict(self.values)

    def constants_for(self, data: str) -> dict[str, object]:
        """As `constants`, for somebody who has chosen the images `data`: a folder of one's own stays, if it can."""
        constants = self.constants()
        if data and data not in DATA_SOURCES and "data" not in self.values:
            constants["data"] = data
        return constants


_GROUPS = ("training", "recipe")

_THERE = "(CIFAR-10 as JPEG, one Xeon core)"
"""Where the accuracies and times below were measured: see engine/bench/README.md."""

_MUON: Mapping[str, object] = {
    "optimizer": "muon",
    "momentum": 0.6,
    "schedule": "linear",
    "augmentation": "flip-shift",
}

_SPEEDRUN: Mapping[str, object] = {
    **_MUON,
    "model": "speedrun",
    "learning_rate": 0.24,
    "label_smoothing": 0.2,
    "test_views": 6,
}
"""The constants of airbench94_muon (Jordan, 2024), which takes 8 epochs."""

_LAYERED: Mapping[str, object] = {
    **_MUON,
    "learning_rate": 0.1,
    "weight_decay": 0.01,
    "label_smoothing": 0.1,
    "test_views": 2,
}
"""For networks with linear layers, whose weights AdamW moves."""

PRESETS = (
    Preset("notebook", "CIFAR-10 with the notebook's own constants.", {}, reached=f"69.3 % in 22 s {_THERE}"),
    Preset(
        "look",
        "Two epochs on the demo set, done in a minute.",
        {"data": "demo", "epochs": 2},
        reached="63.2 % of the demo set in 6 s (one Xeon core)",
    ),
    Preset(
        "batchnorm",
        "The notebook's network with batch normalization, and a recipe.",
        {**_LAYERED, "model": "batchnorm", "epochs": 8, "batch_size": 250},
        reached=f"77.7 % with two views, 76.8 % with one, in 50 s {_THERE}",
    ),
    Preset(
        "residual",
        "Eight convolutions with shortcuts: few parameters, many steps.",
        {**_LAYERED, "model": "residual", "epochs": 8, "batch_size": 250},
        reached=f"79.4 % with two views, 78.8 % with one, in 5 minutes {_THERE}",
    ),
    Preset(
        "deeper",
        "Six convolutions in three pairs.",
        {**_LAYERED, "model": "deeper", "epochs": 8, "batch_size": 500},
        reached=f"86.7 % with two views, 85.9 % with one, in 6.5 minutes {_THERE}",
    ),
    Preset(
        "minutes",
        "The speed run at half its width, for a processor.",
        {**_SPEEDRUN, "width": 32, "epochs": 11, "batch_size": 1000, "weight_decay": 0.002},
        reached=f"89.3 % with six views, mean of three seeds, in 8.5 minutes {_THERE}",
    ),
    Preset(
        "speedrun",
        "The network and the recipe that reach 94 % on the original images.",
        {**_SPEEDRUN, "epochs": 12, "batch_size": 2000, "weight_decay": 0.004},
        reached=f"91.1 % with six views, 90.0 % with one, mean of three seeds, in 26 minutes {_THERE}",
    ),
)


def preset_named(name: str) -> Preset:
    """Return a preset by its name. Raises `KeyError`."""
    return {preset.name: preset for preset in PRESETS}[name]


def preset_of(config: TrainingConfig) -> Preset | None:
    """Return the preset that `config` equals in all that presets set; None if there is none."""
    for preset in PRESETS:
        if all(getattr(config, name) == value for name, value in preset.constants_for(config.data).items()):
            return preset
    return None
