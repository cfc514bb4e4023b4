"""A comparison on the normal screen: for the eye on a terminal, plain text in a pipe."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from rich import box
from rich.cells import cell_len
from rich.table import Table
from rich.text import Text

from engine.record.comparison import Comparison, Group
from engine.record.metrics.standard_error import standard_error
from engine.text import clean, counted
from tui.command_line.printed import PlainConsole
from tui.look.cells import bar, shortened
from tui.look.wording import moment

_NAME, _VALUE, _CLASS = 28, 24, 16
"""Most cells of a run's name, of a constant's value, and of a class's name, on a terminal."""

_WIDE = 1_000
"""Columns of a table that is not printed on a terminal: nothing is cut."""

_PADDING, _BAR = 3, 16

_WITH_TIMES = 100
"""Columns from which on it is told when a run started."""


def print_comparison(comparison: Comparison, *, everything: bool) -> None:
    """Print what is known, the answer first. With `everything` constants that are the same are printed as well."""
    console = PlainConsole()
    is_terminal = console.is_terminal
    if not is_terminal:
        console.width = _WIDE
    for note in comparison.notes:
        console.print(Text(note, "yellow"), soft_wrap=not is_terminal)
    for told in comparison.told:
        console.print(Text(told, "bold"), soft_wrap=not is_terminal)
    for table in _tables(comparison, console.width, everything=everything, cut=is_terminal):
        console.print(table)
    told = "±: over seeds the standard deviation, of a run's test images the standard error."
    console.print(Text(told, "dim"), soft_wrap=not is_terminal)
    same = len(comparison.constants) - len(comparison.differing)
    if not everything:
        left = "is the same" if same == 1 else "are the same, or change nothing of what is computed"
        console.print(f"{counted(same, 'constant')} {left}; --all shows them.", soft_wrap=not is_terminal)
    if (pair := comparison.pair) is not None:
        told = (
            f"Of {pair.both + pair.neither + len(pair.only_first) + len(pair.only_second):,} test images {pair.both:,}"
            f" are recognised by both, {len(pair.only_first):,} only by {clean(pair.first.name)},"
            f" {len(pair.only_second):,} only by {clean(pair.second.name)}, {pair.neither:,} by neither."
        )
        console.print(Text(told), soft_wrap=not is_terminal)


def _tables(comparison: Comparison, width: int, *, everything: bool, cut: bool) -> Iterator[Table]:
    yield _runs(comparison, width, cut=cut)
    constants = comparison.constants if everything else comparison.differing
    if constants:
        most = _VALUE if cut else _WIDE
        columns = [
            [group.letter, *(_begun(each.values[i], most) for each in constants)]
            for i, group in enumerate(comparison.groups)
        ]
        yield from _side_by_side("constant", [each.label for each in constants], columns, width, justify="left")
    if comparison.classes:
        names = shortened([row.name for row in comparison.classes], _CLASS if cut else _WIDE)
        columns = [
            [group.letter, *(_accuracy(row.accuracies[i]) for row in comparison.classes)]
            for i, group in enumerate(comparison.groups)
        ]
        changes = [row.change for row in comparison.classes]
        if any(change is not None for change in changes):
            largest = max(abs(change or 0) for change in changes) or 1
            columns.append(["change", *("" if change is None else f"{change:+.1f}" for change in changes)])
            bars = ["", *(bar(abs(change or 0) / largest, _BAR).rstrip() for change in changes)]
        else:
            bars = []
        yield from _side_by_side("class", names, columns, width, justify="right", bars=bars)


def _runs(comparison: Comparison, width: int, *, cut: bool) -> Table:
    table = _table()
    table.add_column("")
    table.add_column("run", no_wrap=True, overflow="ellipsis", max_width=_NAME if cut else None)
    table.add_column("status", no_wrap=True)
    if width >= _WITH_TIMES:
        table.add_column("started", no_wrap=True)
    table.add_column("accuracy", justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for group in comparison.groups:
        if group.seeds:
            _add(table, width, group.letter, f"{group.name} ({group.seeds})", "", "", *_of_group(group))
        for run in group.runs:
            evaluation, record = run.record.evaluation, run.record
            error = "" if evaluation is None else f"± {standard_error(evaluation.correct, evaluation.total):.2f} images"
            letter, name = ("", f"  {clean(run.name)}") if group.seeds else (group.letter, clean(run.name))
            _add(table, width, letter, name, record.status, moment(run.started.at), _accuracy(record.accuracy), error)
    return table


def _of_group(group: Group) -> tuple[str, str]:
    found = group.spread
    if found is None or found.deviation is None:
        return _accuracy(group.accuracy), ""
    return _accuracy(found.mean), f"± {found.deviation:.2f} seeds"


def _add(table: Table, width: int, letter: str, name: str, status: str, started: str, *rest: str) -> None:
    cells = (letter, name, status, *([started] if width >= _WITH_TIMES else []), *rest)
    table.add_row(*(Text(cell) for cell in cells))


def _side_by_side(
    heading: str,
    names: Sequence[str],
    columns: Sequence[Sequence[str]],
    width: int,
    *,
    justify: str,
    bars: Sequence[str] = (),
) -> Iterator[Table]:
    """Yield tables with `names` on the left, below each other if all `columns`, headings first, do not fit."""
    left = max(map(cell_len, (heading, *names))) + _PADDING
    widths = [max(map(cell_len, column)) + _PADDING for column in columns]
    start = 0
    while start < len(columns):
        end, room = start, width - left
        while end < len(columns) and (end == start or widths[end] <= room):
            room -= widths[end]
            end += 1
        table = _table()
        table.add_column(heading, no_wrap=True)
        for column in columns[start:end]:
            table.add_column(column[0], justify="right" if justify == "right" else "left", no_wrap=True)
        with_bars = bool(bars) and end == len(columns) and room >= _BAR
        if with_bars:
            table.add_column("", no_wrap=True)
        for i, name in enumerate(names, 1):
            cells = [Text(name), *(Text(column[i]) for column in columns[start:end])]
            table.add_row(*cells, *([Text(bars[i], "blue")] if with_bars else []))
        yield table
        start = end


def _table() -> Table:
    return Table(box=box.SIMPLE_HEAD, pad_edge=False)


def _begun(text: str, cells: int) -> str:
    return shortened([text], cells)[0]


def _accuracy(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.2f} %"
