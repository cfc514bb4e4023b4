"""What a list of runs shows of each run, as text, and how much room each column gets."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config.constant import shown
from engine.storage.columns import Column
from engine.storage.entry import RunEntry
from engine.text import clean
from tui.look.wording import accuracy_reached, duration, moment

LEAST = 6
"""Cells of a column at least, if its text can be cut."""


def cell(column: Column, run: RunEntry) -> str:
    """Return what stands in a column about a run, cleaned; empty if it is not known."""
    value = column.value(run)
    if value is None or value == "" or value == ():
        return ""
    if column.name == "accuracy":
        return accuracy_reached(run.accuracy, run.split)
    if column.name == "status" and run.live and run.progress is not None:
        return f"{value} {run.progress:.0f} %"
    if isinstance(value, tuple):
        return clean(" ".join(value))
    if isinstance(value, str) or column.is_constant:
        return moment(value) if column.kind == "time" and isinstance(value, str) else clean(shown(value))
    if isinstance(value, bool):
        return "yes" if value else ""
    if column.kind == "percent":
        return f"{value:.0f} %"
    return duration(value) if column.kind == "seconds" else f"{value:,.0f}"


def fitting(columns: Sequence[Column], widths: Sequence[int], room: int, gap: int) -> list[int]:
    """Return the cells of each column, so that they fit into `room` with `gap` between two.

    `widths` is what each needs. Columns that can be cut share what is missing, the widest first, and the first column
    last of all. If that is not enough, the result is too wide.
    """
    cells = list(widths)
    while (over := sum(cells) + gap * (len(cells) - 1) - room) > 0:
        cuttable = [i for i, column in enumerate(columns) if column.can_be_cut and cells[i] > LEAST]
        cuttable = [i for i in cuttable if i > 0] or cuttable
        if not cuttable:
            break
        widest = max(cells[i] for i in cuttable)
        here = [i for i in cuttable if cells[i] == widest]
        below = max((cells[i] for i in cuttable if cells[i] < widest), default=LEAST)
        for i in here:
            cells[i] -= min(widest - max(below, LEAST), -(-over // len(here)))
    return cells
