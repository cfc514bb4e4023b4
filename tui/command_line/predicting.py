"""Classifies the pictures that a command line names, and prints what they are taken for."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import numpy as np
from rich.text import Text

from engine.data.decoding import Fit
from engine.errors import NoSuchRunError
from engine.files import expanded
from engine.record.evaluation import Evaluation, confusion_matrix
from engine.storage.listing import find
from engine.text import clean, counted
from engine.use.model import Model, can_open
from engine.use.named import STDIN, pictures_named
from engine.use.pictures import read
from engine.use.trained import Weights
from tui.command_line.exit_codes import ExitCode
from tui.command_line.printed import PlainConsole, print_line
from tui.command_line.results import SYSTEMS, print_map
from tui.command_line.told import Csv, JsonLines, PictureList, Table, Told
from tui.look.colours import Depth, detected

_AT_ONCE = 20
"""Pictures that are told at once on a terminal, where somebody waits for the first."""


@dataclass(frozen=True)
class Wanted:
    """What the flags say."""

    fit: Fit = "squeeze"
    top: int = 5
    format: Literal["table", "csv", "json"] | None = None
    pictures: bool = False
    weights: Weights | None = None
    colours: Depth | Literal["auto"] = "auto"


def predict_pictures(words: Sequence[str], runs_dir: Path, wanted: Wanted) -> int:
    """Classify what `words` name: pictures, and perhaps a run before them. Return the exit code.

    Raises `EngineError` if there is no such run or it cannot be opened.
    """
    for word in words:
        if word.startswith("-") and word != STDIN:
            return _wrong(f"'{clean(word)}' is no flag here; a picture of that name is ./{clean(word)}. See --help.")
    folder, names = _run_and_pictures(words, runs_dir)
    if not names:
        return _wrong("no picture is named. Name files, folders, patterns in quotes, or - for names on stdin.")
    if wanted.pictures and wanted.format in ("csv", "json"):
        return _wrong(f"--pictures shows pictures in a table, and --format {wanted.format} has none.")
    model = Model.open(folder, weights=wanted.weights)
    console, depth = _console(wanted)
    told = _told(model, console, depth, wanted)
    matrix = np.zeros((len(model.classes), len(model.classes)), np.int64)
    unreadable = 0
    in_order = pictures_named(names, model.classes, _lines())
    for some in read(in_order, wanted.fit, _AT_ONCE if console.is_terminal else 500):
        answers = model.answers(some.images)
        labels = np.array([-1 if one.label is None else one.label for one in some.named], np.int64)
        known = labels >= 0
        matrix += confusion_matrix(labels[known], answers.classes[known], len(model.classes))
        told.show(some, answers)
        sys.stdout.flush()
        unreadable += len(some.unreadable)
        for one in some.unreadable:
            print(f"cifar-tui: {clean(one.path)}: {one.problem}", file=sys.stderr)
    told.close()
    if matrix.any():
        evaluation = Evaluation(model.classes, tuple(map(tuple, matrix.tolist())))
        if isinstance(told, Table | PictureList):
            _print_accuracy(console, evaluation, depth)
        else:
            print(f"cifar-tui: {_accuracy(evaluation)}", file=sys.stderr)
    return ExitCode.FAILED if unreadable else ExitCode.DONE


def _run_and_pictures(words: Sequence[str], runs_dir: Path) -> tuple[Path, Sequence[str]]:
    """Tell the run in `words` from the pictures: the first word is a run if it is the name or the folder of
    one, or the folder of an exported model.

    What is here under that name and is no run is a picture, or a folder of them.
    """
    if words:
        here, named = expanded(words[0]), expanded(runs_dir) / words[0]
        if can_open(here):
            return here, words[1:]
        if not os.path.lexists(here) and can_open(named):
            return named, words[1:]
    try:
        return find(runs_dir, None), words
    except NoSuchRunError as error:
        raise NoSuchRunError(f"{error.message} Or name a run or an exported model before the pictures.") from None


def _wrong(reason: str) -> int:
    print(f"cifar-tui: {reason}", file=sys.stderr)
    return ExitCode.WRONG


def _lines() -> Iterator[str]:
    """Yield the lines of stdin, as names of files: not all of them are text."""
    for line in sys.stdin.buffer:
        yield os.fsdecode(line)


def _console(wanted: Wanted) -> tuple[PlainConsole, Depth]:
    depth = detected(os.environ) if wanted.colours == "auto" else wanted.colours
    if not PlainConsole().is_terminal and wanted.colours == "auto":
        depth = "none"
    return PlainConsole(SYSTEMS[depth]), depth


def _told(model: Model, console: PlainConsole, depth: Depth, wanted: Wanted) -> Told:
    top = min(wanted.top, len(model.classes))
    table = "table" if console.is_terminal or wanted.pictures else "csv"
    match wanted.format or table:
        case "csv":
            return Csv(model.classes, top)
        case "json":
            return JsonLines(model.classes, top)
    views = f" · {model.views} views of each picture" if model.views > 1 else ""
    headline = Text.assemble((model.name, "bold"), f"  {model.weights} weights · {len(model.classes)} classes{views}")
    print_line(console, headline)
    console.print()
    return (PictureList if wanted.pictures else Table)(console, depth, model.classes, top)


def _accuracy(evaluation: Evaluation) -> str:
    pictures = counted(evaluation.total, "picture")
    return f"accuracy {evaluation.accuracy:.2f} % ({evaluation.correct:,} of {pictures}, by the names of their folders)"


def _print_accuracy(console: PlainConsole, evaluation: Evaluation, depth: Depth) -> None:
    said = _accuracy(evaluation)
    console.print()
    number, _, rest = said.partition(" (")
    print_line(console, Text.assemble((number, "bold"), f" ({rest}"))
    console.print()
    print_map(console, evaluation, depth)
