"""What will happen if this config is started: looked at beforehand, without changing or downloading anything."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True)
class Check:
    """One thing that was looked at."""

    subject: Literal["data", "device", "model", "work", "run"]
    ready: bool
    """False where the run could not start."""
    lines: tuple[str, ...]
    """What was found, for a person, cleaned; the first line is the answer, the others are details."""


@dataclass(frozen=True)
class Preflight:
    """All checks of one config."""

    checks: tuple[Check, ...]
    problems: dict[str, str] = field(default_factory=dict)
    """The reason beside each constant, by name, that stands in the way."""

    @property
    def ready(self) -> bool:
        return not self.problems and all(check.ready for check in self.checks)
