"""report.md: a page about the run for people. It reads well as plain text and rendered."""

from __future__ import annotations

from typing import Any

from engine.export.facts import constants, facts
from engine.export.page.markdown import plain, table
from engine.export.summary import summary
from engine.record.record import RunRecord


def report_md(record: RunRecord) -> str:
    """The picture loss.svg is expected beside it."""
    content = summary(record)
    parts = [f"# {plain(content['name'])}: {content['status']}"]
    if "reason" in content:
        told = "Why it failed" if content["status"] == "failed" else "Why it ended early"
        parts.append(f"{told}: {plain(content['reason'])}")
    parts.append(_headline(record, content))
    parts += [f"> {plain(notice)}" for notice in (*record.warnings, *record.notices)]
    parts.append("![Loss and accuracy over iterations](loss.svg)")
    if content["evaluation"]:
        parts += _results(record, content["evaluation"])
    for title, pairs in (("The run", facts(record, content)), ("Constants", constants(content))):
        parts += [f"## {title}", table(("", ""), [(plain(name), plain(value)) for name, value in pairs], texts=2)]
    return "\n\n".join(parts) + "\n"


def _headline(record: RunRecord, content: dict[str, Any]) -> str:
    name, evaluation = plain(content["dataset"]["name"]), content["evaluation"]
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
        (plain(one["name"]), f"{one['correct']:,}", f"{one['total']:,}", f"{one['accuracy']:.1f} %")
        for one in sorted(evaluation["per_class"], key=lambda one: -one["accuracy"])
    ]
    parts = ["## Accuracy by class", table(("class", "correct", "of", "accuracy"), rows)]
    confused = record.evaluation.most_confused(10) if record.evaluation else ()
    if confused:
        mistakes = [(plain(c.true), plain(c.predicted), f"{c.count:,}") for c in confused]
        parts += ["## Most confused", table(("true class", "taken for", "times"), mistakes, texts=2)]
    return parts
