"""What goes wrong while a run trains, in words: computed by whoever reads the run, from what the run has told.

A new warning is a new file here with a function `warning(facts)`, and an entry in `CHECKS`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from engine.record.warnings import guessing, loss, memorizing, one_class
from engine.record.warnings.facts import Facts
from engine.record.warnings.measured import Measured
from engine.record.warnings.trend import Trend

if TYPE_CHECKING:
    from engine.record.record import RunRecord

Check = Callable[[Facts], str]
"""Returns what is wrong in one or two sentences, or nothing if all is well."""

CHECKS: tuple[Check, ...] = (one_class.warning, guessing.warning, loss.warning, memorizing.warning)
"""The plainest first."""

_OF_EVALUATIONS = (one_class.warning, guessing.warning, memorizing.warning)
"""Those that only a new evaluation can change."""


class Watch:
    """Looks at one record after each event that tells of progress. Every loss and every evaluation is read once."""

    def __init__(self) -> None:
        self._trend, self._measured = Trend(), Measured()
        self._found: dict[Check, str] = {}
        self._evaluations = -1

    @property
    def found(self) -> tuple[str, ...]:
        """What is wrong now."""
        return tuple(self._found[check] for check in CHECKS if check in self._found)

    def look(self, record: RunRecord) -> list[str]:
        """Look at `record` as it is after its newest event. Return what was not wrong at the last look."""
        if record.started is None:
            return []
        self._trend.extend(record.losses[: record.reached[1]])
        self._measured.extend(record.evaluations)
        newest = record.evaluations[-1] if record.evaluations else None
        facts = Facts(record.started, self._trend, self._measured, newest)
        is_new, self._evaluations = self._evaluations != len(record.evaluations), len(record.evaluations)
        before, self._found = self._found, {}
        for check in CHECKS:
            said = check(facts) if is_new or check not in _OF_EVALUATIONS else before.get(check, "")
            if said:
                self._found[check] = said
        return [said for check, said in self._found.items() if check not in before]
