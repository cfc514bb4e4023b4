"""loss.csv: the loss of every iteration."""

from __future__ import annotations

from engine.record.record import RunRecord

ROWS = 1 << 16
"""Rows made at a time."""


def loss_csv(record: RunRecord, rows: int = ROWS) -> str:
    """One line an iteration: `iteration,epoch,loss`. Both count from 1; the loss has the fewest exact digits."""
    losses, batches = record.losses, record.started.batches if record.started else 1
    parts = ["iteration,epoch,loss\n"]
    for start in range(0, len(losses), rows):
        digits = losses[start : start + rows].astype("U32").tolist()  # numpy before 2.4 writes 1e15 in full
        parts.append("".join(f"{i + 1},{i // batches + 1},{loss}\n" for i, loss in enumerate(digits, start)))
    return "".join(parts)
