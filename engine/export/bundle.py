"""What a person takes home from a run: its record as JSON, CSV, Markdown and SVG."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from engine.config import CONSTANTS
from engine.errors import RunFolderError
from engine.export.formats.loss_svg import loss_svg
from engine.files import read_bounded
from engine.record.events import Failed, RunStarted
from engine.record.record import RunRecord
from engine.storage.durable import replace_synced
from engine.text import clean

SCHEMA_VERSION = 1
SUMMARY = "summary.json"

_LARGEST_SUMMARY = 1 << 24
"""Bytes; the confusion matrix of a thousand classes fits."""

_ROWS = 1 << 16
"""Rows of loss.csv made at a time."""


def summary(record: RunRecord) -> dict[str, Any]:
    """The content of summary.json, in plain types that strict JSON can hold. `record` is of a run that has started."""
    started, closing, evaluation = record.started, record.closing, record.evaluation
    if started is None:
        raise RunFolderError("The run never began to train, so there is nothing to export.")
    # A run that never told its times is timed up to the last thing it told.
    iterations = closing.iterations if closing else record.reached[1]
    train_seconds = closing.train_seconds if closing else _last_seconds(record)
    evaluation_seconds = closing.evaluation_seconds if closing else sum(done.duration for done in record.evaluations)
    return {
        "schema_version": SCHEMA_VERSION,
        "name": started.name,
        "status": record.status,
        **({"reason": closing.reason} if isinstance(closing, Failed) else {}),
        "config": started.config,
        "dataset": {
            "name": started.dataset.name,
            "source": started.dataset.source,
            "fingerprint": started.dataset.fingerprint,
            "train_images": started.dataset.train_images,
            "test_images": started.dataset.test_images,
            "classes": list(started.dataset.classes),
        },
        "device": {"kind": started.device.kind, "name": started.device.name},
        "versions": started.versions,
        "parameters": started.parameters,
        "iterations": len(record.losses),
        "final_loss": _finite(record.losses[-1]) if len(record.losses) else None,
        "timing": {
            "train_seconds": train_seconds,
            "evaluation_seconds": evaluation_seconds,
            "images_per_second": _images(record, iterations) / train_seconds if train_seconds else None,
        },
        "evaluation": None
        if evaluation is None
        else {
            "accuracy": evaluation.accuracy,
            "correct": evaluation.correct,
            "total": evaluation.total,
            "per_class": [
                {"name": one.name, "accuracy": one.accuracy, "correct": one.correct, "total": one.total}
                for one in evaluation.per_class
            ],
            "confusion_matrix": [list(row) for row in evaluation.matrix],
        },
    }


def _images(record: RunRecord, iterations: int) -> int:
    """How many images so many iterations learned from; the last batch of an epoch may be a short one."""
    started = record.started
    assert started is not None
    epochs, batches = divmod(iterations, started.batches)
    return epochs * started.dataset.train_images + batches * int(started.config["batch_size"])


def _last_seconds(record: RunRecord) -> float:
    """From the start of the training to the last thing the run told, without pauses and evaluations."""
    began = record.started.seconds if record.started else 0.0
    evaluating = sum(done.duration for done in record.evaluations)
    return max(0.0, record.reached[0] - began - record.paused_seconds - evaluating)


def _finite(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def _summary_json(record: RunRecord) -> str:
    text = json.dumps(summary(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Readable in any language, and yet no control character and no half of a surrogate pair gets out.
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)


def loss_csv(record: RunRecord) -> str:
    """One line an iteration: `iteration,epoch,loss`, both from 1, the loss in the fewest digits that tell it."""
    losses, batches = record.losses, record.started.batches if record.started else 1
    parts = ["iteration,epoch,loss\n"]
    for start in range(0, len(losses), _ROWS):
        digits = losses[start : start + _ROWS].astype("U32").tolist()  # numpy before 2.4 writes 1e15 in full
        parts.append("".join(f"{i + 1},{i // batches + 1},{loss}\n" for i, loss in enumerate(digits, start)))
    return "".join(parts)


def report_markdown(record: RunRecord) -> str:
    """A page about the run that reads well as it is and rendered; loss.svg stands beside it."""
    content, started = summary(record), record.started
    assert started is not None
    dataset, timing, evaluation = content["dataset"], content["timing"], content["evaluation"]
    parts = [
        f"# {_plain(content['name'])}: {content['status']}",
    ]
    if "reason" in content:
        parts.append(f"Why it failed: {_plain(content['reason'])}")
    if evaluation:
        parts.append(
            f"Accuracy on the test images of {_plain(dataset['name'])}: **{evaluation['accuracy']:.2f} %**"
            f" ({evaluation['correct']:,} of {evaluation['total']:,}), after epoch {record.evaluations[-1].epoch:,}."
        )
    else:
        parts.append(f"The test images of {_plain(dataset['name'])} were not evaluated.")
    parts += [f"> {_plain(notice)}" for notice in record.notices]
    parts.append("![Loss and test accuracy over iterations](loss.svg)")
    if evaluation:
        rows = [
            (_plain(one["name"]), f"{one['correct']:,}", f"{one['total']:,}", f"{one['accuracy']:.1f} %")
            for one in sorted(evaluation["per_class"], key=lambda one: -one["accuracy"])
        ]
        parts += ["## Accuracy by class", _table(("class", "correct", "of", "accuracy"), rows)]
        known = record.evaluation
        confused = known.most_confused(10) if known else ()
        if confused:
            mistakes = [(_plain(c.true), _plain(c.predicted), f"{c.count:,}") for c in confused]
            parts += ["## Most confused", _table(("true class", "taken for", "times"), mistakes, texts=2)]
    final = "none that is finite" if content["final_loss"] is None else f"{content['final_loss']:.4f}"
    speed = f", {timing['images_per_second']:,.0f} images/s" if timing["images_per_second"] else ""
    device = f"{started.device.kind}, {started.device.name}"
    facts = [
        ("started", started.at),
        ("data", f"{dataset['name']}, {dataset['source']}"),
        ("images", f"{dataset['train_images']:,} training, {dataset['test_images']:,} test"),
        ("fingerprint", dataset["fingerprint"]),
        ("device", device + (f", {started.device.threads} threads" if started.device.threads else "")),
        ("parameters", f"{content['parameters']:,}"),
        ("iterations", f"{content['iterations']:,} of {started.iterations:,}"),
        ("final loss", final),
        ("training", f"{timing['train_seconds']:.1f} s{speed}"),
        ("evaluation", f"{timing['evaluation_seconds']:.1f} s"),
        *((name, text) for name, text in content["versions"].items()),
    ]
    constants = [(c.label, _shown(content["config"].get(c.name, ""), c.unit)) for c in CONSTANTS]
    for title, pairs in (("The run", facts), ("Constants", constants)):
        parts += [f"## {title}", _table(("", ""), [(_plain(name), _plain(value)) for name, value in pairs], texts=2)]
    return "\n\n".join(parts) + "\n"


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """A table whose first `texts` columns are text, on the left, and the others numbers, on the right."""
    alignment = ["---"] * texts + ["---:"] * (len(headings) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, alignment, *rows))


def _shown(value: object, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value} {unit}".rstrip()


def _plain(text: object) -> str:
    """`text` cleaned, and everything in it that Markdown or HTML would take for more than text escaped."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&$])", r"\\\1", clean(text))


BUNDLE: dict[str, Callable[[RunRecord], str]] = {
    SUMMARY: _summary_json,
    "loss.csv": loss_csv,
    "report.md": report_markdown,
    "loss.svg": loss_svg,
}
"""The files of a bundle and what writes them."""


def write_bundle(record: RunRecord, folder: Path) -> tuple[Path, ...]:
    """Write the bundle to `folder`, which is made if it is not there; the paths written.

    Each file is written under a temporary name and renamed when whole. Raises `RunFolderError` where that fails, and
    where the folder holds the bundle of another run.
    """
    return _write(record, folder, tuple(BUNDLE))


def write_summary(record: RunRecord, folder: Path) -> Path:
    """Write summary.json alone, likewise: it takes no time, however long the run was."""
    return _write(record, folder, (SUMMARY,))[0]


def _write(record: RunRecord, folder: Path, names: Sequence[str]) -> tuple[Path, ...]:
    contents = {name: BUNDLE[name](record) for name in names}
    assert record.started is not None
    _refuse_other_run(folder, record.started)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            replace_synced(folder / name, content.encode())
    except OSError as error:
        raise RunFolderError(
            f"The bundle could not be written to {folder}: {error.strerror or error}. Choose another folder."
        ) from None
    return tuple(folder / name for name in contents)


def _refuse_other_run(folder: Path, started: RunStarted) -> None:
    try:
        other = json.loads(read_bounded(folder / SUMMARY, _LARGEST_SUMMARY))
        same = (other["name"], other["config"]) == (started.name, started.config)
    except FileNotFoundError:
        return
    except (OSError, ValueError, KeyError, TypeError, RecursionError):
        same = False
    if not same:
        raise RunFolderError(f"{folder} holds another summary.json already. Choose another folder for this run.")
