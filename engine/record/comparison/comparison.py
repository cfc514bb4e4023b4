"""Everything that is known of runs beside each other."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from engine.record.comparison.constants import Difference, differences
from engine.record.comparison.findings import Finding, alone, findings
from engine.record.comparison.groups import Compared, Group, coloured, grouped
from engine.record.comparison.images import Pair
from engine.text import clean, counted


@dataclass(frozen=True)
class ClassRow:
    """One class in each group."""

    name: str
    accuracies: tuple[float | None, ...]
    """Percent, one a group: the mean of its runs."""
    change: float | None
    """In points, of the group that is farthest from the first one; None if only one group has an accuracy."""


@dataclass(frozen=True, eq=False)
class Comparison:
    """Runs beside each other, in groups of seeds. The first group is what the others are compared with."""

    groups: tuple[Group, ...]
    notes: tuple[str, ...]
    """What a reader must know before the numbers, the most important first."""
    same_images: bool
    """Whether all accuracies are of the same images."""
    pair: Pair | None = None
    """Two of the runs, image by image."""

    @property
    def runs(self) -> tuple[Compared, ...]:
        return tuple(run for group in self.groups for run in group.runs)

    @cached_property
    def constants(self) -> tuple[Difference, ...]:
        """Every constant and fact that may decide about results."""
        return differences(self.groups)

    @property
    def differing(self) -> tuple[Difference, ...]:
        """Those of `constants` that differ."""
        return tuple(each for each in self.constants if each.differs)

    @cached_property
    def classes(self) -> tuple[ClassRow, ...]:
        """The largest change first; empty if the runs have different classes, or no accuracy."""
        names = {run.record.classes for run in self.runs}
        if len(names) != 1 or not any(group.evaluations for group in self.groups):
            return ()
        rows = [_class_row(name, i, self.groups) for i, name in enumerate(names.pop())]
        return tuple(sorted(rows, key=lambda row: -abs(row.change or 0.0)))

    @cached_property
    def findings(self) -> tuple[Finding, ...]:
        """How each group but the first does beside it."""
        return findings(self.groups, self.pair, same_images=self.same_images)

    @property
    def told(self) -> tuple[str, ...]:
        """The findings in words, then each group of seeds by itself."""
        of_groups = (alone(group) for group in self.groups)
        return tuple(text for text in (*(each.text for each in self.findings), *of_groups) if text)


def compare(runs: Sequence[Compared], pair: Pair | None = None, notes: Sequence[str] = ()) -> Comparison:
    """Compare runs that have started, one or more. `notes` are what was found while they were read."""
    earliest_first = sorted(runs, key=lambda run: (run.started.at, run.name))
    colours = dict(zip(earliest_first, coloured([run.name for run in earliest_first]), strict=True))
    groups, left_out = grouped([replace(run, colour=colours[run]) for run in runs])
    shown = [run for group in groups for run in group.runs]
    images = _other_images(shown)
    told = (*images, *notes, *left_out, *_unfinished(shown), *_other_losses(shown))
    return Comparison(groups, told, not images, pair)


def _other_images(runs: Sequence[Compared]) -> list[str]:
    """Return in words that accuracies are not of the same images; nothing if they are."""
    by_images: dict[tuple[str, str], list[Compared]] = {}
    for run in runs:
        split = run.record.evaluations[-1].split if run.record.evaluations else "test"
        by_images.setdefault((run.started.dataset.fingerprint, split), []).append(run)
    if len(by_images) < 2:
        return []
    told = [
        f"{counted(len(of_these), 'run')} the {split} images of {clean(of_these[0].started.dataset.name)}"
        f" ({fingerprint[:8]})"
        for (fingerprint, split), of_these in by_images.items()
    ]
    return [f"Not the same images: {', '.join(told)}. Their accuracies do not compare."]


def _unfinished(runs: Sequence[Compared]) -> list[str]:
    found = []
    for run in runs:
        record = run.record
        if record.status != "completed":
            got = f"iteration {record.reached[1]:,} of {record.planned:,}"
            found.append(
                f"{clean(run.name)} is {record.status}{' now' * (not record.ended)}: it counts as it was at {got}."
            )
    if len(found) > 3:
        return [f"{len(found)} runs did not complete: each counts as far as it got."]
    return found


def _other_losses(runs: Sequence[Compared]) -> list[str]:
    smoothings = {run.started.config.get("label_smoothing", 0.0) for run in runs}
    return ["Their training losses do not compare: label smoothing makes them larger."] if len(smoothings) > 1 else []


def _class_row(name: str, index: int, groups: Sequence[Group]) -> ClassRow:
    accuracies: list[float | None] = []
    for group in groups:
        found = [evaluation.per_class[index].accuracy for evaluation in group.evaluations]
        accuracies.append(sum(found) / len(found) if found else None)
    first, *others = accuracies
    changes = [other - first for other in others if other is not None and first is not None]
    return ClassRow(name, tuple(accuracies), max(changes, key=abs, default=None))
