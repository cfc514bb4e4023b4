"""What a report says of a run beside its results."""

from __future__ import annotations

from collections.abc import Container
from typing import Any

from engine.config import CONSTANTS, Constant
from engine.record.record import RunRecord, told_branch
from engine.text import counted, energy_used


def facts(record: RunRecord, content: dict[str, Any]) -> list[tuple[str, str]]:
    """Return what a run is, where it ran and how long it took: names and values, not escaped.

    `content` is the summary of `record`.
    """
    started = record.started
    assert started is not None
    dataset, timing, device = content["dataset"], content["timing"], content["device"]
    final = "none that is finite" if content["final_loss"] is None else f"{content['final_loss']:.4f}"
    speed = f", {timing['images_per_second']:,.0f} images/s" if timing["images_per_second"] else ""
    threads = f", {counted(device['threads'], 'thread')}" if device["threads"] else ""
    return [
        ("started", content["started_at"]),
        *([("branch of", told_branch(started.branch_of))] if started.branch_of else []),
        ("data", f"{dataset['name']}, {dataset['source']}"),
        ("images", _images(dataset)),
        ("fingerprint", dataset["fingerprint"]),
        ("device", f"{device['kind']}, {device['name']}{threads}"),
        *([("order of sums", device["sums"])] if "sums" in device else []),
        ("parameters", f"{content['parameters']:,}"),
        ("iterations", f"{content['iterations']:,} of {record.planned:,}"),
        ("final loss", final),
        ("training", f"{timing['train_seconds']:.1f} s{speed}"),
        ("evaluation", f"{timing['evaluation_seconds']:.1f} s"),
        *([("energy", energy)] if (energy := energy_used(record.joules, record.joules_per_thousand)) else []),
        *content["versions"].items(),
    ]


def _images(dataset: dict[str, Any]) -> str:
    held_out = dataset["validation_images"]
    training = f"{dataset['train_images'] - held_out:,} training"
    return f"{training}{f', {held_out:,} validation' if held_out else ''}, {dataset['test_images']:,} test"


def constants(content: dict[str, Any], *, without: Container[str] = ()) -> list[tuple[str, str]]:
    """Return every constant of the run with its value and unit, not escaped, but for those named in `without`.

    One that was changed while the network trained has all its values. `content` is the run's summary.
    """
    return [(c.label, _values(content, c)) for c in CONSTANTS if c.name not in without]


def _values(content: dict[str, Any], constant: Constant) -> str:
    parts = [_shown(content["config"].get(constant.name, ""), constant.unit)]
    for change in content["changes"]:
        if change["name"] == constant.name:
            parts.append(f"{_shown(change['to'], constant.unit)} after iteration {change['iteration']:,}")
    return ", ".join(parts)


def _shown(value: object, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value} {unit}".rstrip()
