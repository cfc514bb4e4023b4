"""report.html: everything about a run on one page. One file, which opens anywhere without a network or a script."""

from __future__ import annotations

from typing import Any

from engine.errors import EngineError
from engine.export.curve import curve
from engine.export.facts import constants, facts
from engine.export.opened import Opened
from engine.export.page.html import document, pairs, section, text
from engine.export.page.mistakes import mistakes
from engine.export.page.results import results
from engine.export.page.sureness import sureness
from engine.export.summary import summary
from engine.record.metrics.standard_error import standard_error
from engine.record.record import RunRecord


def report_html(run: Opened) -> str:
    """What the run did not keep is left out, and the page says so."""
    record, content = run.record, summary(run.record)
    parts = [f"<h1>{text(content['name'])}</h1>", *_heading(record, content)]
    parts += [f"<blockquote>{text(notice)}</blockquote>" for notice in (*record.warnings, *record.notices)]
    parts.append(section("Loss and accuracy", curve(record)))
    if record.evaluation is not None:
        parts += results(record.evaluation)
        parts += _by_image(run)
    parts += [section("The run", pairs(facts(record, content))), section("Constants", pairs(constants(content)))]
    return document(content["name"], parts)


def _heading(record: RunRecord, content: dict[str, Any]) -> list[str]:
    parts = [f'<p class="faint">{text(content["status"])}, {text(content["dataset"]["name"])}</p>']
    if "reason" in content:
        parts.append(f"<p>{text(content['reason'])}</p>")
    evaluation = content["evaluation"]
    if evaluation is None:
        return [*parts, '<p class="big">Not evaluated.</p>']
    last, correct, total = record.evaluations[-1], evaluation["correct"], evaluation["total"]
    views = f" with {last.views} views" if last.views > 1 else ""
    told = [record.chosen or record.when(last), *record.measures(last)]
    return [
        *parts,
        f'<p class="big"><b>{evaluation["accuracy"]:.2f} %</b> ± {standard_error(correct, total):.2f} of the {total:,}'
        f" {last.split} images{views}</p>",
        f'<p class="faint">{correct:,} recognised, {text(", ".join(told))}. ±: one standard error.</p>',
    ]


def _by_image(run: Opened) -> list[str]:
    """Return what takes the predictions, and the pictures if they are there."""
    try:
        found = run.classified
    except EngineError as error:
        return [section("How sure, how right", f'<p class="faint">{text(error.message)}</p>')]
    try:
        pictures = mistakes(found, run.images)
    except EngineError as error:
        pictures = section("Worst mistakes", f'<p class="faint">Without pictures: {text(error.message)}</p>')
    return [sureness(found), pictures]
