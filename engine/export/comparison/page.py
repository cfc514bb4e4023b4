"""A comparison as one page that opens anywhere without a network or a script."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from engine.errors import DataError, EngineError
from engine.export.comparison.picture import comparison_svg
from engine.export.page.html import document, section, table, text
from engine.export.page.mistakes import figure
from engine.record.classified import chosen
from engine.record.comparison import Comparison, Group, Pair
from engine.record.metrics.standard_error import standard_error

_MOST_PICTURES = 18
"""Of each kind."""


def comparison_html(comparison: Comparison) -> str:
    """What is not known is left out."""
    names = " · ".join(f"{group.letter} {group.name}" for group in comparison.groups[:4])
    more = f" and {len(comparison.groups) - 4} more" if len(comparison.groups) > 4 else ""
    parts = ["<h1>Comparison</h1>", f'<p class="faint">{text(names + more)}</p>']
    parts += [f"<blockquote>{text(note)}</blockquote>" for note in comparison.notes]
    parts += [f'<p class="big">{text(told)}</p>' for told in comparison.told]
    parts += [_results(comparison), _constants(comparison), _curves(comparison)]
    if comparison.classes:
        parts.append(_classes(comparison))
    if comparison.pair is not None:
        parts.append(_images(comparison))
    return document("Comparison", parts)


def _results(comparison: Comparison) -> str:
    rows = []
    for group in comparison.groups:
        rows += [
            (
                f"<b>{text(group.letter)}</b>" if run is group.first else "",
                text(run.name),
                text(run.record.status),
                text(run.started.at[:16].replace("T", " ")),
                _accuracy(run.record.accuracy),
                _error(group, i),
            )
            for i, run in enumerate(group.runs)
        ]
    heads = ("", "run", "status", "started", "accuracy", "± (test images)")
    return section("Runs", table(heads, rows, texts=4))


def _error(group: Group, number: int) -> str:
    evaluation = group.runs[number].record.evaluation
    return "" if evaluation is None else f"{standard_error(evaluation.correct, evaluation.total):.2f}"


def _constants(comparison: Comparison) -> str:
    heads = ("constant", *(_head(group) for group in comparison.groups))
    shown = [(text(each.label), *map(text, each.values)) for each in comparison.differing]
    same = [(text(each.label), *map(text, each.values[:1])) for each in comparison.constants if not each.differs]
    if shown:
        different = table(heads, shown, texts=len(heads))
    else:
        different = '<p class="faint">No constant differs that changes what is computed.</p>'
    rest = f"<details><summary>The others</summary>{table(('constant', 'in all'), same, texts=2)}</details>"
    return section("What differs", different, rest if len(same) else "")


def _head(group: Group) -> str:
    return f"<b>{text(group.letter)}</b> {text(group.name)}{f' ({group.seeds})' if group.seeds else ''}"


def _curves(comparison: Comparison) -> str:
    return section("Curves", comparison_svg(comparison), comparison_svg(comparison, "accuracy"))


def _classes(comparison: Comparison) -> str:
    heads = ("class", *(text(group.letter) for group in comparison.groups), "largest change")
    rows = [
        (
            text(row.name),
            *(_accuracy(accuracy) for accuracy in row.accuracies),
            "" if row.change is None else f"{row.change:+.1f}",
        )
        for row in comparison.classes
    ]
    return section("Accuracy by class", table(heads, rows))


def _images(comparison: Comparison) -> str:
    pair = comparison.pair
    assert pair is not None
    rows = [
        (f"only {text(pair.first.name)} is right", f"{len(pair.only_first):,}"),
        (f"only {text(pair.second.name)} is right", f"{len(pair.only_second):,}"),
        ("both are right", f"{pair.both:,}"),
        ("both are wrong", f"{pair.neither:,}"),
    ]
    return section("Image by image", table(("", "images"), rows), *_pictures(pair))


def _pictures(pair: Pair) -> Iterator[str]:
    """Yield the images that only one of two runs gets right: those that the other is surest to take for a mistake."""
    from engine.use.images import images

    try:
        shown = images(pair.first.folder, pair.first.record, "test")
        if shown.labels.tolist() != pair.of_first.labels.tolist():
            raise DataError("the images do not fit the predictions of these runs.")
    except EngineError as error:
        yield f'<p class="faint">Without pictures: {text(error.message)}</p>'
        return
    for right, wrong, found, indices in (
        (pair.second, pair.first, pair.of_first, pair.only_second),
        (pair.first, pair.second, pair.of_second, pair.only_first),
    ):
        mistakes = chosen(found, "surely wrong")
        worst = mistakes[np.isin(mistakes, indices)][:_MOST_PICTURES].tolist()
        if worst:
            yield f'<h3>{text(right.name)} is right, {text(wrong.name)} wrong</h3><div class="pictures">'
            for i in worst:
                true, taken = (text(found.classes[of[i]]) for of in (found.labels, found.predicted))
                told = f"<b>{true}</b> taken for <b>{taken}</b>, {100 * found.confidence[i]:.1f} %"
                yield figure(shown.images[i], shown.names[i], told)
            yield "</div>"


def _accuracy(percent: float | None) -> str:
    return "–" if percent is None else f"{percent:.2f} %"
