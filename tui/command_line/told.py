"""What pictures were taken for, as a table, as pictures with bars, as CSV, and as lines of JSON."""

from __future__ import annotations

import csv
import json
import sys
from collections.abc import Sequence
from itertools import zip_longest
from typing import Protocol

import numpy as np
from rich.cells import cell_len
from rich.segment import Segment, Segments
from rich.text import Text

from engine.text import clean
from engine.use.model import Answers
from engine.use.named import Named
from engine.use.pictures import Pictures
from tui.command_line.printed import PlainConsole, print_line
from tui.look.cells import bar, cropped, shortened
from tui.look.colours import Depth
from tui.look.pictures import pictures, reduced

_PIXELS, _GAP = 16, 2
"""Of a picture on each side, and cells after it."""

_BAR, _LONGEST_BAR = 12, 40
"""Cells of the bar in a table, and beside a picture at most."""

_NAME, _LEAST_FILE, _LONGEST_FILE = 14, 12, 44
"""Most cells of a class's name, and those of a file's."""

_BETWEEN = 13
"""Cells of the blanks, the mark and the percent of a line."""

_WIDE = 200
"""Columns of a table that is not printed on a terminal."""


class Told(Protocol):
    """Tells of pictures as they are classified."""

    def show(self, some: Pictures, answers: Answers) -> None: ...

    def close(self) -> None: ...


def ranked(answers: Answers, index: int, top: int) -> list[tuple[int, float]]:
    """Return the `top` classes of picture `index` with their probabilities: first what it is taken for."""
    shares, taken = answers.probabilities[index], int(answers.classes[index])
    order = np.argsort(-shares, kind="stable").tolist()
    return [(i, float(shares[i])) for i in [taken, *(i for i in order if i != taken)][:top]]


class JsonLines:
    """One object a line, as told in the README: `file`, `predictions`, and `true` where it is known."""

    def __init__(self, classes: Sequence[str], top: int) -> None:
        self._classes, self._top = classes, top

    def show(self, some: Pictures, answers: Answers) -> None:
        for index, one in enumerate(some.named):
            found = [
                {"class": self._classes[i], "probability": float(f"{share:.6g}")}
                for i, share in ranked(answers, index, self._top)
            ]
            true = {} if one.label is None else {"true": self._classes[one.label]}
            sys.stdout.write(json.dumps({"file": one.path, **true, "predictions": found}, allow_nan=False) + "\n")

    def close(self) -> None:
        pass


class Csv:
    """A line a picture: its file, its true class if that is known, then classes and probabilities in turns."""

    def __init__(self, classes: Sequence[str], top: int) -> None:
        self._classes, self._top = classes, top
        self._rows = csv.writer(sys.stdout, lineterminator="\n")
        numbered = ((f"class_{n}", f"probability_{n}") for n in range(2, top + 1))
        self._rows.writerow(["file", "true", "class", "probability", *(name for pair in numbered for name in pair)])

    def show(self, some: Pictures, answers: Answers) -> None:
        for index, one in enumerate(some.named):
            true = "" if one.label is None else self._classes[one.label]
            found = ranked(answers, index, self._top)
            pairs = ((self._classes[i], f"{share:.6g}") for i, share in found)
            self._rows.writerow([clean(one.path), true, *(cell for pair in pairs for cell in pair)])

    def close(self) -> None:
        pass


class Table:
    """A line a picture: its file, a bar, what it is taken for, and what else it may be as far as there is room."""

    def __init__(self, console: PlainConsole, depth: Depth, classes: Sequence[str], top: int) -> None:
        self._console, self._top = console, top
        self._names = shortened(classes, _NAME)
        self._name_cells = max(map(cell_len, self._names))
        self._file_cells = self._bar_cells = 0

    def show(self, some: Pictures, answers: Answers) -> None:
        width = self._console.width if self._console.is_terminal else _WIDE
        room = min(_LONGEST_FILE, max(_LEAST_FILE, width - self._name_cells - _BAR - _BETWEEN))
        longest = max((cell_len(clean(one.path)) for one in some.named), default=0)
        self._file_cells = max(self._file_cells, min(room, longest))
        self._bar_cells = max(0, min(_BAR, width - self._file_cells - self._name_cells - _BETWEEN))
        for index, one in enumerate(some.named):
            print_line(self._console, self._line(one, ranked(answers, index, self._top), width))

    def _line(self, one: Named, found: Sequence[tuple[int, float]], width: int) -> Text:
        (taken, share), *others = found
        line = Text(_padded(cropped(one.path, self._file_cells), self._file_cells) + "  ")
        style = _style(one, taken)
        line.append(_padded(self._names[taken], self._name_cells), f"bold {style}").append(f" {_mark(one, taken)} ")
        line.append(bar(share, self._bar_cells), style).append(f"{100 * share:6.1f} %")
        room = width - line.cell_len - 2
        rest = ""
        for i, other in others:
            more = f"{rest}{' · ' if rest else ''}{self._names[i]} {100 * other:.1f}"
            if cell_len(more) > room:
                break
            rest = more
        return line.append(f"  {rest}" * bool(rest), "dim")

    def close(self) -> None:
        pass


class PictureList:
    """Each picture as the network sees it, and beside it a bar for each of its most probable classes."""

    def __init__(self, console: PlainConsole, depth: Depth, classes: Sequence[str], top: int) -> None:
        self._console, self._depth, self._top = console, depth, top
        self._names = shortened(classes, _NAME)
        self._name_cells = max(map(cell_len, self._names))

    def show(self, some: Pictures, answers: Answers) -> None:
        if not some.named:
            return
        room = self._console.width - _PIXELS - _GAP
        for index, picture in enumerate(pictures(reduced(some.images, _PIXELS), self._depth, dark=True)):
            words = self._words(some.named[index], ranked(answers, index, self._top), room)
            above = [Text(end="")] * max(0, (len(picture) - len(words)) // 2)
            for row, text in zip_longest(picture, [*above, *words]):
                line = [*(row or [Segment(" " * _PIXELS)]), Segment(" " * _GAP)]
                line += (text or Text(end="")).render(self._console)
                self._console.print(Segments([*line, Segment.line()]), end="")
            self._console.print()

    def _words(self, one: Named, found: Sequence[tuple[int, float]], room: int) -> list[Text]:
        words = [Text(cropped(one.path, room), "bold", end="")]
        cells = max(1, min(_LONGEST_BAR, room - self._name_cells - 14))
        for i, share in found:
            style = _style(one, i) if i in (found[0][0], one.label) else "dim"
            line = Text(_padded(self._names[i], self._name_cells) + " ", style, end="")
            line.append(bar(share, cells), style).append(f"{100 * share:6.1f} %")
            words.append(line.append(f" {_mark(one, i)}", style) if i == found[0][0] else line)
        return words

    def close(self) -> None:
        pass


def _style(one: Named, taken: int) -> str:
    """Blue is right, or as good as any; orange is wrong."""
    return "blue" if one.label in (None, taken) else "yellow"


def _mark(one: Named, taken: int) -> str:
    return " " if one.label is None else "✓" if one.label == taken else "✘"


def _padded(text: str, cells: int) -> str:
    return text + " " * (cells - cell_len(text))
