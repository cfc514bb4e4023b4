"""What a sweep makes as large or as small as it can: a number of each run's summary."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from engine.errors import ConstantError
from engine.text import clean

ACCURACY = "accuracy"
"""The accuracy on the validation images, or on the test images if none are held out."""


@dataclass(frozen=True)
class Goal:
    """`name` is `accuracy`, or the path of a number in `summary.json`, such as `timing.train_seconds`."""

    name: str = ACCURACY
    maximize: bool = True

    @classmethod
    def read(cls, given: object) -> Self:
        """Read `accuracy`, `minimize final_loss` or `maximize a.b`. A number whose name has no `accuracy` is minimized.

        Raises `ConstantError`.
        """
        words = str(ACCURACY if given is None else given).split()
        direction = words.pop(0) if len(words) == 2 else ""
        if len(words) != 1 or direction not in ("", "minimize", "maximize"):
            allowed = "accuracy, or minimize or maximize with a number of summary.json, such as minimize final_loss"
            raise ConstantError({"goal": f"{clean(given)} is not allowed; it must be {allowed}"})
        return cls(words[0], direction == "maximize" if direction else "accuracy" in words[0])

    @property
    def told(self) -> str:
        """The goal as `read` reads it."""
        return ACCURACY if self == Goal() else f"{'maximize' if self.maximize else 'minimize'} {self.name}"

    def value(self, summary: Mapping[str, Any]) -> float | None:
        """Return the number in a run's summary; None if it has none."""
        if self.name != ACCURACY:
            return _number(_at(summary, self.name))
        measured = epochs(summary)
        held_out = [accuracy for _, accuracy in measured] if summary["dataset"].get("validation_images") else []
        if held_out:
            return max(held_out) if summary["config"].get("keep_best") else held_out[-1]
        return _number(_at(summary, "evaluation.accuracy"))

    def missing(self, summary: Mapping[str, Any]) -> str:
        """Return what to tell if a run's summary has no such number."""
        return f"summary.json has no number {clean(self.name)}. It has {', '.join(_numbers(summary))}."


def epochs(summary: Mapping[str, Any]) -> list[tuple[int, float]]:
    """Return the accuracy after each epoch from one view: of the validation images if there are any."""
    measured = summary.get("evaluations") or []
    split = measured[0]["split"] if measured else ""
    return [(each["epoch"], each["plain_accuracy"]) for each in measured if each["split"] == split]


def _at(summary: Mapping[str, Any], path: str) -> object:
    found: Any = summary
    for name in path.split("."):
        found = found.get(name) if isinstance(found, Mapping) else None
    return found


def _number(found: object) -> float | None:
    if isinstance(found, bool) or not isinstance(found, int | float) or not math.isfinite(found):
        return None
    return float(found)


def _numbers(summary: Mapping[str, Any], before: str = "") -> list[str]:
    found: list[str] = []
    for name, value in summary.items():
        if isinstance(value, Mapping) and name not in ("config", "versions"):
            found += _numbers(value, f"{before}{name}.")
        elif _number(value) is not None and name != "schema_version":
            found.append(before + name)
    return found
