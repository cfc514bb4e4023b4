"""report.md: a page about the run for people. It reads well as plain text and rendered."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from engine.export.facts import constants, facts
from engine.export.summary import summary
from engine.record.record import RunRecord
from engine.text import clean


def report_md(record: RunRecord) -> str:
    """The picture loss.svg is expected beside it."""
    content = summary(record)
    parts = [f"# {_plain(content['name'])}: {content['status']}"]
    if "reason" in content:
        told = "Why it failed" if content["status"] == "failed" else "Why it ended early"
        parts.append(f"{told}: {_plain(content['reason'])}")
    parts.append(_headline(record, content))
    parts += [f"> {_plain(notice)}" for notice in record.notices]
    parts.append("![Loss and accuracy over iterations](loss.svg)")
    if content["evaluation"]:
        parts += _results(record, content["evaluation"])
    for title, pairs in (("The run", facts(record, content)), ("Constants", constants(content))):
        parts += [f"## {title}", _table(("", ""), [(_plain(name), _plain(value)) for name, value in pairs], texts=2)]
    return "\n\n".join(parts) + "\n"


def _headline(record: RunRecord, content: dict[str, Any]) -> str:
    name, evaluation = _plain(content["dataset"]["name"]), content["evaluation"]
    if not evaluation:
        return f"The test images of {name} were not evaluated."
    last = record.evaluations[-1]
    views = f" with {last.views} views" if last.views > 1 else ""
    others = "".join(f", {measure}" for measure in record.measures(last))
    return (
        f"Accuracy on the {last.split} images of {name}: **{evaluation['accuracy']:.2f} %**"
        f" ({evaluation['correct']:,} of {evaluation['total']:,}){views}, {record.chosen or record.when(last)}{others}."
    )


def _results(record: RunRecord, evaluation: dict[str, Any]) -> list[str]:
    rows = [
        (_plain(one["name"]), f"{one['correct']:,}", f"{one['total']:,}", f"{one['accuracy']:.1f} %")
        for one in sorted(evaluation["per_class"], key=lambda one: -one["accuracy"])
    ]
    parts = ["## Accuracy by class", _table(("class", "correct", "of", "accuracy"), rows)]
    confused = record.evaluation.most_confused(10) if record.evaluation else ()
    if confused:
        mistakes = [(_plain(c.true), _plain(c.predicted), f"{c.count:,}") for c in confused]
        parts += ["## Most confused", _table(("true class", "taken for", "times"), mistakes, texts=2)]
    return parts


def _table(headings: Sequence[str], rows: Iterable[Sequence[str]], *, texts: int = 1) -> str:
    """Return a table whose first `texts` columns are text, on the left, and the others numbers, on the right."""
    alignment = ["---"] * texts + ["---:"] * (len(headings) - texts)
    return "\n".join(f"| {' | '.join(row)} |" for row in (headings, alignment, *rows))


def _plain(text: object) -> str:
    """Return `text` cleaned, with everything escaped that is markup in Markdown or HTML."""
    return re.sub(r"([\\`*_{}\[\]<>#|~!&$])", r"\\\1", clean(text))
