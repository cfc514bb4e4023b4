"""Presets: named sets of constants. A new preset is one entry in `PRESETS`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from engine.config.training import CONSTANTS, TrainingConfig


@dataclass(frozen=True, eq=False)
class Preset:
    """A named set of constants. It never changes the group `run`: where a run is saved, and its name."""

    name: str
    help: str
    values: Mapping[str, object]
    """The constants that differ from their defaults."""

    def constants(self) -> dict[str, object]:
        """Return every constant that the preset sets, by name."""
        return {c.name: c.default for c in CONSTANTS if c.group != "run"} | dict(self.values)


PRESETS = (
    Preset("the notebook", "CIFAR-10 with the notebook's own constants.", {}),
    Preset("one-minute look", "Two epochs on the demo set, done in a minute.", {"data": "demo", "epochs": 2}),
)


def preset_of(config: TrainingConfig) -> Preset | None:
    """Return the preset that `config` equals, the group `run` aside; None if there is none."""
    for preset in PRESETS:
        if all(getattr(config, name) == value for name, value in preset.constants().items()):
            return preset
    return None
