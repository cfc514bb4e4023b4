"""The constants of a run: each is declared once, in `training.py`.

Nothing here imports torch. pydantic is imported only for a value that is not the default, so that the form is painted
before either is loaded.
"""

from __future__ import annotations

from engine.config.constant import Constant, shown
from engine.config.presets import PRESETS, Preset, preset_of
from engine.config.training import CONSTANTS, DATA_SOURCES, TrainingConfig, checking_model, reasons

__all__ = [
    "CONSTANTS",
    "DATA_SOURCES",
    "PRESETS",
    "Constant",
    "Preset",
    "TrainingConfig",
    "checking_model",
    "preset_of",
    "reasons",
    "shown",
]
