"""The marks of the loss chart: how well the network did on which images, and when."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from typing import Protocol

from engine.charts.plot import Colour, Marks, Sign
from engine.record.events import SplitName


class Trained(Protocol):
    """An epoch's training; `EpochTrained` is one."""

    @property
    def iteration(self) -> int:
        """At its end."""
        ...

    @property
    def accuracy(self) -> float:
        """Percent of the training images that were recognised."""
        ...


class Measured(Trained, Protocol):
    """An evaluation of the test or validation images; `Evaluated` is one."""

    @property
    def split(self) -> SplitName: ...

    @property
    def plain_accuracy(self) -> float:
        """Percent of the images that were recognised from one view."""
        ...

    @property
    def loss(self) -> float | None:
        """The mean loss of these images; None if it is not known."""
        ...


class MeasuredMarks:
    """Training accuracy and accuracy on the right axis, the loss of the evaluated images on the left one."""

    def __init__(self) -> None:
        self._evaluations: tuple[Measured, ...] = ()
        self._trained: tuple[Trained, ...] = ()
        self._layers: tuple[Marks, ...] = ()
        self._layers_of: tuple[int, int] | None = None

    def show(self, evaluations: Sequence[Measured], trained: Sequence[Trained]) -> None:
        """Take in all that was measured so far."""
        known = tuple(evaluations), tuple(trained)
        if known != (self._evaluations, self._trained):
            self._evaluations, self._trained = known
            self._layers_of = None

    def layers(self, first: int, end: int) -> tuple[Marks, ...]:
        """The marks from `first` to `end`. Kept until they change: a run may have thousands."""
        if (first, end) != self._layers_of:
            self._layers_of = first, end
            self._layers = tuple(self._made(first, end))
        return self._layers

    def _made(self, first: int, end: int) -> Iterator[Marks]:
        evaluations = [each for each in self._evaluations if first < each.iteration <= end]
        trained = [each for each in self._trained if first < each.iteration <= end]
        during: SplitName = "validation" if any(each.split == "validation" for each in evaluations) else "test"
        measured = [each for each in evaluations if each.split == during]
        # With validation the test images are used once.
        results = [each for each in evaluations if each.split != during]
        losses = [(each.iteration, each.loss) for each in measured if each.loss is not None]

        if training := _accuracies(trained):
            x, y = zip(*training, strict=True)
            yield Marks(x, y, ("",) * len(x), "◇", "right", Colour.TRAINING, "training accuracy")
        if points := _newest(losses):
            x, y = zip(*points, strict=True)
            yield Marks(x, y, ("",) * len(x), "●", "left", Colour.MEASURED, f"{during} loss")
        yield from _with_texts("◆", during, measured, besides={each.iteration for each in results})
        yield from _with_texts("★", "test", results)


def _with_texts(
    sign: Sign, split: SplitName, found: Sequence[Measured], besides: Set[int] = frozenset()
) -> Iterator[Marks]:
    """Accuracies in numbers, but for the iterations in `besides`: there another number stands."""
    if points := _accuracies(found):
        x, y = zip(*points, strict=True)
        texts = tuple("" if at in besides else f"{accuracy:.1f} %" for at, accuracy in points)
        yield Marks(x, y, texts, sign, "right", Colour.ACCURACY, f"{split} accuracy")


def _accuracies(found: Iterable[Trained]) -> list[tuple[int, float]]:
    return _newest((each.iteration, each.accuracy) for each in found if 0 <= each.accuracy <= 100)


def _newest(points: Iterable[tuple[int, float]]) -> list[tuple[int, float]]:
    """The newest value of each iteration, in their order: the best weights are evaluated again at the end."""
    return sorted(dict(points).items())
