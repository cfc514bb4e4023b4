"""The constants of a run, declared once in `training.py`.

Imports neither torch nor pydantic: the form is painted before they are loaded.
"""

from __future__ import annotations

from engine.config.constant import Constant, shown
from engine.config.contradictions import fixed
from engine.config.presets import PRESETS, Preset, preset_named, preset_of
from engine.config.training import CONSTANTS, DATA_SOURCES, TrainingConfig

__all__ = [
    "CONSTANTS",
    "DATA_SOURCES",
    "PRESETS",
    "Constant",
    "Preset",
    "TrainingConfig",
    "fixed",
    "preset_named",
    "preset_of",
    "shown",
]
