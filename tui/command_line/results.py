"""The results of a run on the normal screen: for the eye on a terminal, plain text in a pipe."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import chain
from pathlib import Path

import numpy as np
from rich.cells import cell_len
from rich.console import Console
from rich.segment import Segment, Segments
from rich.text import Text

from engine.errors import EngineError
from engine.record.classified import Classified, chosen
from engine.record.evaluation import Evaluation
from engine.record.metrics.calibration import calibration
from engine.record.metrics.standard_error import standard_error
from engine.record.metrics.top import top_accuracy
from engine.record.record import RunRecord
from engine.text import clean
from engine.use.images import Shown, images
from engine.use.results import classified
from tui.command_line.printed import ColourSystem, PlainConsole, print_accuracy, print_end, print_line
from tui.look.cells import cropped, initials, shortened
from tui.look.colours import Depth, ramp
from tui.look.pictures import pictures, reduced

SYSTEMS: Mapping[Depth, ColourSystem | None] = {"true": "truecolor", "256": "256", "16": "standard", "none": None}
"""How many colours, in words of ours and of Rich."""

_PIXELS, _GAP, _ROWS = 16, 2, 2
"""Of a picture on a terminal, between two of them, and rows of pictures."""

_LISTED = 20
"""Mistakes in a pipe."""

_PAIRS = 6

_MOST_CLASSES = 100
"""Classes of a map in a pipe: a larger one is no text that anybody reads."""

_NAME = 14
"""Most cells of a class name beside the map."""


def print_results(record: RunRecord, folder: Path, depth: Depth) -> None:
    """Print the results of a run that has started. `depth` is the terminal's; a pipe gets plain text."""
    if not PlainConsole().is_terminal:
        depth = "none"
    console = PlainConsole(SYSTEMS[depth])
    print_accuracy(console, record)
    evaluation = record.evaluation
    if evaluation is not None:
        print_map(console, evaluation, depth)
        _print_by_image(console, record, folder, evaluation, depth)
    print_end(console, record, folder)


def print_map(console: Console, evaluation: Evaluation, depth: Depth) -> None:
    """Print what each class was taken for, as a map and in words."""
    names = shortened(evaluation.classes, _NAME)
    counts = np.array(evaluation.matrix)
    cells = max(len(str(counts.max())), 2) + 1
    room = max(map(cell_len, names))
    if len(names) > _MOST_CLASSES or (console.is_terminal and room + cells * len(names) > console.width):
        print_line(console, Text(f"The map of {len(names):,} classes does not fit here; the app shows it."))
    else:
        heads = initials(names, cells - 1) or [str(i) for i in range(len(names))]
        if heads[0] == "0":
            names = [f"{i} {name}" for i, name in enumerate(names)]
            room = max(map(cell_len, names))
        print_line(console, Text(f"{' ' * room}{''.join(head.rjust(cells) for head in heads)}  taken for", "dim"))
        shares = counts / np.maximum(1, counts.sum(axis=1, keepdims=True))
        for i, row in enumerate(counts.tolist()):
            line = Text(names[i] + " " * (room - cell_len(names[i])))
            for j, count in enumerate(row):
                share = float(shares[i, j]) ** 0.5  # mistakes of a few percent must be seen as well
                line.append(f"{count or '·':>{cells}}", ramp("right" if i == j else "wrong", share, depth, True))
            print_line(console, line)
    pairs = [f"{clean(c.true)} → {clean(c.predicted)} {c.count:,}" for c in evaluation.most_confused(_PAIRS)]
    if pairs:
        console.print()
        print_line(console, Text(f"most confused: {' · '.join(pairs)}"))


def _print_by_image(console: Console, record: RunRecord, folder: Path, evaluation: Evaluation, depth: Depth) -> None:
    try:
        found = classified(folder, record, len(record.evaluations) - 1)
    except EngineError as error:
        console.print(Text(error.message), soft_wrap=True)
        return
    told = (
        f"± {standard_error(evaluation.correct, evaluation.total):.2f} points (one standard error)",
        f"top 2 {top_accuracy(found):.2f} %",
        f"calibration error {calibration(found).error:.1f} points",
    )
    print_line(console, Text(" · ".join(told)))
    worst = chosen(found, "surely wrong").tolist()
    if not worst:
        return
    try:
        shown = images(folder, record, record.evaluations[-1].split)
        if shown.labels.tolist() != found.labels.tolist():
            raise EngineError("The images do not fit the predictions of this run.")
    except EngineError as error:
        console.print(Text(f"Without pictures: {error.message}"), soft_wrap=True)
        shown = None
    console.print()
    if shown is not None and console.is_terminal:
        print_line(console, Text("surely wrong: true class → taken for", "dim"))
        _print_pictures(console, found, shown, worst, depth)
    else:
        _print_list(console, found, shown, worst)
        console.print()


def _print_list(console: Console, found: Classified, shown: Shown | None, worst: Sequence[int]) -> None:
    console.print(Text("surely wrong:"))
    for number in worst[:_LISTED]:
        name = shown.names[number] if shown else f"image {number:,}"
        told = f"{_told(found, number, 1_000)}  {100 * found.confidence[number]:.1f} %  {name}"
        print_line(console, Text(f"  {told}"))


def _print_pictures(console: Console, found: Classified, shown: Shown, worst: Sequence[int], depth: Depth) -> None:
    across = max(1, (console.width + _GAP) // (_PIXELS + _GAP))
    gap = Segment(" " * _GAP)
    for start in range(0, min(len(worst), _ROWS * across), across):
        some = worst[start : start + across]
        drawn = pictures(reduced(shown.images[some], _PIXELS), depth, dark=True)
        for line in zip(*drawn, strict=True):
            parts = chain.from_iterable((*row, gap) for row in line)
            console.print(Segments([*list(parts)[:-1], Segment.line()]), end="")
        for texts in (
            [_told(found, number, _PIXELS) for number in some],
            [f"{100 * found.confidence[number]:.1f} %" for number in some],
        ):
            print_line(console, Text((" " * _GAP).join(text + " " * (_PIXELS - cell_len(text)) for text in texts)))
        console.print()


def _told(found: Classified, number: int, cells: int) -> str:
    """Return the true class and the predicted one in at most `cells` cells."""
    true, predicted = (clean(found.classes[of[number]]) for of in (found.labels, found.predicted))
    if cell_len(true) + cell_len(predicted) + 3 <= cells:
        return f"{true} → {predicted}"
    each = (cells - 1) // 2
    return f"{cropped(true, each)}→{cropped(predicted, cells - 1 - min(each, cell_len(true)))}"
