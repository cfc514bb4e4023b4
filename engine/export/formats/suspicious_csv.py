"""suspicious.csv: images whose label is probably wrong, the most suspicious first.

A suspicion, by the confident joint (see `engine.record.metrics.suspicious`), of images that were not trained on.
`number` and `image` are as in predictions.csv.
"""

from __future__ import annotations

import csv
import io

from engine.export.opened import Opened
from engine.record.metrics.suspicious import suspicious
from engine.text import clean


def suspicious_csv(run: Opened) -> str:
    """Raises `RunFolderError` if the run kept no predictions."""
    found = run.classified
    names = [clean(name) for name in found.classes]
    files = run.files
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["number", "image", "label", "probably", "p(label)", "p(probably)"])
    result = suspicious(found)
    for number, likely in zip(result.indices.tolist(), result.classes.tolist(), strict=True):
        label, row = int(found.labels[number]), found.probabilities[number]
        rows.writerow([number, files[number], names[label], names[likely], f"{row[label]:.5g}", f"{row[likely]:.5g}"])
    return text.getvalue()
