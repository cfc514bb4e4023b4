"""A sweep in three lines: its best trial, how far it is, and which constants mattered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from rich.text import Text
from textual.widget import Widget

from engine.text import clean, counted
from tui.look.wording import duration


@dataclass(frozen=True)
class SweepFacts:
    """What is told of a sweep."""

    goal: str
    """The name of the number that is to become large or small."""
    best: str
    """The result of the best trial; empty if none has completed."""
    trial: int
    values: Mapping[str, object]
    """Of the best trial."""
    ended: int
    planned: int
    training: int
    failed: int
    stopped: int
    workers: int
    left: float | None
    shares: Mapping[str, float]


class SweepSummary(Widget):
    """Three lines, the most important first."""

    ALLOW_SELECT = False
    DEFAULT_CSS = """
    SweepSummary { height: 3; padding: 0 2; color: $text-muted; }
    """

    def __init__(self) -> None:
        super().__init__()
        self._facts: SweepFacts | None = None

    def show(self, facts: SweepFacts) -> None:
        if facts != self._facts:
            self._facts = facts
            self.refresh()

    def render(self) -> Text:
        facts = self._facts
        if facts is None:
            return Text("reading the trials …")
        lines = [_best(facts), Text(_far(facts)), Text(_shares(facts))]
        colours = self.app.theme_variables
        lines[0].stylize(colours["foreground"])
        for line in lines:
            line.truncate(max(1, self.content_size.width), overflow="ellipsis")
        return Text("\n").join(lines)


def shown(value: object) -> str:
    """Return a value of a constant in few digits."""
    return f"{value:.4g}" if isinstance(value, float) else clean(str(value))


def _best(facts: SweepFacts) -> Text:
    if not facts.best:
        return Text("no trial has completed yet")
    values = " · ".join(f"{name.replace('_', ' ')} {shown(value)}" for name, value in facts.values.items())
    told = f" {clean(facts.goal)}, the best: trial {facts.trial} · {values}"
    return Text.assemble((facts.best, "bold"), told)


def _far(facts: SweepFacts) -> str:
    parts = [f"{facts.ended:,} of {counted(facts.planned, 'trial')} ended"]
    ends = ((facts.stopped, "stopped early"), (facts.failed, "failed"))
    parts += [f"{count:,} {word}" for count, word in ends if count]
    if facts.training:
        parts.append(f"{counted(facts.training, 'run')} training")
    if facts.left is not None:
        parts.append(f"left {duration(facts.left)}")
    if not facts.workers and facts.ended < facts.planned:
        parts.append("nobody works on it")
    return " · ".join(parts)


def _shares(facts: SweepFacts) -> str:
    if not facts.shares:
        return ""
    told = " · ".join(f"{name.replace('_', ' ')} {100 * share:.0f} %" for name, share in facts.shares.items())
    return f"what makes the difference: {told}"
