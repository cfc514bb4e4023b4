"""A comparison for programs, as JSON."""

from __future__ import annotations

import json
from typing import Any

from engine.export.summary import summary
from engine.record.comparison import Compared, Comparison, Group

SCHEMA_VERSION = 1
"""Changes when a field changes its meaning or goes, not when one is added."""


def comparison_json(comparison: Comparison, *, everything: bool = True) -> str:
    """Return one JSON object. Constants that are the same everywhere are left out without `everything`."""
    constants = comparison.constants if everything else comparison.differing
    content = {
        "schema_version": SCHEMA_VERSION,
        "same_images": comparison.same_images,
        "notes": list(comparison.notes),
        "findings": [
            {"group": each.group, "points": each.points, "p": each.p, "test": each.test or None, "text": each.text}
            for each in comparison.findings
        ],
        "groups": [_group(group) for group in comparison.groups],
        "constants": [{"name": each.name, "differs": each.differs, "values": list(each.values)} for each in constants],
        "classes": [
            {"name": row.name, "accuracies": list(row.accuracies), "change": row.change} for row in comparison.classes
        ],
        "images": _images(comparison),
    }
    return json.dumps(content, indent=2, allow_nan=False) + "\n"


def _group(group: Group) -> dict[str, Any]:
    spread = group.spread
    return {
        "letter": group.letter,
        "name": group.name,
        "accuracy": None
        if spread is None
        else {
            "n": spread.n,
            "mean": spread.mean,
            "deviation": spread.deviation,
            "low": spread.low,
            "high": spread.high,
        },
        "runs": [_run(run) for run in group.runs],
    }


def _run(run: Compared) -> dict[str, Any]:
    found = summary(run.record)
    evaluation = found["evaluation"] or {}
    return {
        "name": run.name,
        "folder": str(run.folder),
        "status": found["status"],
        "started_at": found["started_at"],
        "seed": run.seed,
        "iterations": found["iterations"],
        "final_loss": found["final_loss"],
        "train_seconds": found["timing"]["train_seconds"],
        **{name: evaluation.get(name) for name in ("accuracy", "correct", "total", "loss", "split", "views")},
        "dataset": {name: found["dataset"][name] for name in ("name", "fingerprint")},
        "config": found["config"],
    }


def _images(comparison: Comparison) -> dict[str, Any] | None:
    pair = comparison.pair
    if pair is None:
        return None
    return {
        "first": pair.first.name,
        "second": pair.second.name,
        "both": pair.both,
        "neither": pair.neither,
        "only_first": pair.only_first.tolist(),
        "only_second": pair.only_second.tolist(),
        "p": pair.p,
    }
