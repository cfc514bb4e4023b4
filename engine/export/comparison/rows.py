"""A comparison for a spreadsheet: a line a run."""

from __future__ import annotations

import csv
import io

from engine.export.summary import summary
from engine.record.comparison import Comparison
from engine.record.comparison.constants import constants_of
from engine.text import clean


def comparison_csv(comparison: Comparison, *, everything: bool = False) -> str:
    """Return a line for each run: what came out, the constants, and the accuracy of each class in percent.

    Constants that are the same in all runs are left out without `everything`.
    """
    configs = [constants_of(run.record) for run in comparison.runs]
    names = dict.fromkeys(name for config in configs for name in config if name != "name")
    shown = [name for name in names if everything or len({config.get(name) for config in configs}) > 1]
    classes = comparison.runs[0].record.classes if comparison.classes else ()
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    results = ("status", "accuracy", "correct", "total", "loss", "iterations", "train_seconds")
    rows.writerow(["group", "run", *results, "images", *shown, *(f"accuracy({clean(name)})" for name in classes)])
    configs_left = iter(configs)
    for group in comparison.groups:
        for run in group.runs:
            found, config = summary(run.record), next(configs_left)
            evaluation = found["evaluation"] or {}
            known = {**found, **evaluation, "train_seconds": found["timing"]["train_seconds"]}
            of_classes = {one["name"]: one["accuracy"] for one in evaluation.get("per_class", ())}
            rows.writerow(
                [
                    group.letter,
                    clean(run.name),
                    *(_cell(known.get(name)) for name in results),
                    found["dataset"]["fingerprint"],
                    *(_cell(config.get(name)) for name in shown),
                    *(_cell(of_classes.get(name)) for name in classes),
                ]
            )
    return text.getvalue()


def _cell(value: object) -> str:
    if isinstance(value, float):
        return f"{value:.6g}"
    return "" if value is None else clean(value)
