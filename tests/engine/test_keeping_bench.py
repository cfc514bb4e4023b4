"""The bench of what it costs to keep predictions."""

from __future__ import annotations

from engine.bench.keeping import EVALUATIONS, keeping


def test_keeping_is_measured() -> None:
    """Each of the evaluations is timed, and compared with what is promised."""
    told: list[str] = []
    (claim,) = keeping(told.append)
    assert len(claim.measured) == EVALUATIONS
    assert min(claim.measured) > 0
    assert claim.holds == (claim.median <= 30)
    assert told
