"""predictions.csv: what the network made of each image in the last evaluation, for a spreadsheet or a script.

`number` counts the images from 0. `image` is the path of its file; empty if it has none or if the images are gone.
Probabilities were kept as float16.
"""

from __future__ import annotations

import csv
import io

from engine.export.opened import Opened
from engine.text import clean


def predictions_csv(run: Opened) -> str:
    """Raises `RunFolderError` if the run kept no predictions."""
    found = run.classified
    names = [clean(name) for name in found.classes]
    text = io.StringIO()
    rows = csv.writer(text, lineterminator="\n")
    rows.writerow(["number", "image", "true", "predicted", "loss", *(f"p({name})" for name in names)])
    columns = (run.files, found.labels.tolist(), found.predicted.tolist(), found.losses.tolist())
    for number, (image, true, predicted, loss) in enumerate(zip(*columns, strict=True)):
        probabilities = [f"{p:.5g}" for p in found.probabilities[number].tolist()]
        rows.writerow([number, image, names[true], names[predicted], f"{loss:.5g}", *probabilities])
    return text.getvalue()
