"""What a list of runs shows of each run, as text, and how much room each column gets."""

from __future__ import annotations

from collections.abc import Sequence

from engine.config import CONSTANTS
from engine.config.constant import shown
from engine.storage.columns import Column
from engine.storage.entry import RunEntry
from engine.text import clean, counted
from tui.look.wording import accuracy_reached, duration, moment

LEAST = 6
"""Cells of a column at least, if its text can be cut."""

LEAST_OF_FIRST = 12
"""The same of the first column, which tells the rows apart."""


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


def fitting(can_be_cut: Sequence[bool], widths: Sequence[int], room: int, gap: int) -> list[int]:
    """Return the cells of each column, so that they fit into `room` with `gap` between two.

    `widths` is what each needs. Columns that can be cut share what is missing, the widest first, and the first column
    last of all. If that is not enough, the result is too wide.
    """
    cells = list(widths)
    least = [LEAST_OF_FIRST, *[LEAST] * (len(cells) - 1)]
    while (over := sum(cells) + gap * (len(cells) - 1) - room) > 0:
        cuttable = [i for i, can in enumerate(can_be_cut) if can and cells[i] > least[i]]
        cuttable = [i for i in cuttable if i > 0] or cuttable
        if not cuttable:
            break
        widest = max(cells[i] for i in cuttable)
        here = [i for i in cuttable if cells[i] == widest]
        below = max((cells[i] for i in cuttable if cells[i] < widest), default=0)
        for i in here:
            cells[i] -= min(widest - max(below, least[i]), -(-over // len(here)))
    return cells


def problem_of(run: RunEntry) -> str:
    """Return what is wrong with a run: why it cannot be read, or failed, or that its tags are damaged."""
    return run.problem or run.remark or (run.reason if run.status == "failed" else "")


def about(run: RunEntry) -> list[list[str]]:
    """Return two lines about a run, in parts: what it does or did, and its constants that are not the usual ones."""
    facts = []
    if run.live and run.planned:
        facts.append(f"iteration {run.iterations:,} of {run.planned:,}")
        if run.left is not None:
            facts.append(f"about {duration(run.left)} left")
    elif run.iterations:
        trained = f" in {duration(run.train_seconds)}" if run.train_seconds is not None else ""
        facts.append(f"{counted(run.iterations, 'iteration')}{trained}")
    if run.status == "completed" and run.reason:
        facts.append(run.reason)
    facts += [run.device] * bool(run.device) + [f"seed {run.seed}"] * (run.seed is not None)
    changed = [
        f"{constant.label} {shown(run.config[constant.name])}"
        for constant in CONSTANTS
        if constant.group != "run"
        and constant.name not in ("seed", "data", "data_dir", "threads")
        and run.config.get(constant.name, constant.default) != constant.default
    ]
    return [facts, changed or ["the notebook's constants"] * bool(run.config)]
