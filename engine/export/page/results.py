"""The results of the last evaluation: accuracy by class, the confusion map, the most confused classes."""

from __future__ import annotations

from engine.export.page.html import section, table, text
from engine.record.evaluation import Evaluation
from engine.record.metrics.precision import scores

_MOST_CLASSES = 40
"""Classes of a map that can still be read. A larger one would only make the file large."""

_MOST_PAIRS = 12


def results(evaluation: Evaluation) -> list[str]:
    return [_classes(evaluation), _map(evaluation), _confused(evaluation)]


def _classes(evaluation: Evaluation) -> str:
    rows = [
        (
            text(one.name),
            f"{one.correct:,}",
            f"{one.total:,}",
            f"{one.accuracy:.1f} %",
            _percent(score.precision),
            _percent(score.f1),
            f'<div class="share"><i style="width:{one.accuracy:.1f}%"></i></div>',
        )
        for one, score in sorted(
            zip(evaluation.per_class, scores(evaluation.matrix), strict=True), key=lambda pair: -pair[0].accuracy
        )
    ]
    return section("Accuracy by class", table(("class", "correct", "of", "accuracy", "precision", "F1", ""), rows))


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{value:.1f} %"


def _map(evaluation: Evaluation) -> str:
    names, title = evaluation.classes, "What was taken for what"
    if len(names) > _MOST_CLASSES:
        return section(title, f'<p class="faint">A map of {len(names):,} classes is not shown.</p>')
    head = "".join(f'<th title="{text(name)}">{text(name[:3])}</th>' for name in names)
    rows = []
    for i, (name, row) in enumerate(zip(names, evaluation.matrix, strict=True)):
        most = sum(row) or 1
        cells = "".join(
            f'<td class="{"hit" if i == j else "miss"}" style="--part:{_shade(count / most)}"'
            f' title="{text(name)} taken for {text(names[j])}: {count:,}">{count or ""}</td>'
            for j, count in enumerate(row)
        )
        rows.append(f"<tr><td>{text(name)}</td>{cells}</tr>")
    caption = "<caption>Rows: the true class. Columns: what it was taken for.</caption>"
    return section(
        title,
        f'<div class="wide"><table class="map">{caption}<thead><tr><th></th>{head}</tr></thead>'
        f"<tbody>{''.join(rows)}</tbody></table></div>",
    )


def _shade(share: float) -> str:
    """Return how dense the colour of a share is: mistakes of a few percent must be seen as well."""
    return f"{min(0.85, share**0.5):.2f}"


def _confused(evaluation: Evaluation) -> str:
    rows = [(text(c.true), text(c.predicted), f"{c.count:,}") for c in evaluation.most_confused(_MOST_PAIRS)]
    if not rows:
        return section("Most confused", '<p class="faint">No image was taken for another class.</p>')
    return section("Most confused", table(("true class", "taken for", "times"), rows, texts=2))
