"""summary.json: constants, data, machine, times and results, for programs."""

from __future__ import annotations

import json

from engine.export.summary import summary
from engine.record.record import RunRecord


def summary_json(record: RunRecord) -> str:
    text = json.dumps(summary(record), indent=2, ensure_ascii=False, allow_nan=False) + "\n"
    # Any language stays readable, but control characters and halves of surrogate pairs are escaped.
    return "".join(c if c.isprintable() or c == "\n" else json.dumps(c)[1:-1] for c in text)
