"""What the bench says of the chart's frames."""

from __future__ import annotations

import pytest

from tui.bench import frames as chart_bench


def test_frames_early_and_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """However much was recorded, a frame's cost is told, of every frame, and how far these are apart."""
    monkeypatch.setattr(chart_bench, "RECORDED", (3_000, 30_000))
    monkeypatch.setattr(chart_bench, "_FRAMES", 4)
    monkeypatch.setattr(chart_bench, "_ROUNDS", 2)
    told: list[str] = []
    early, late, short, apart = chart_bench.frames((80, 24), told.append)
    assert told[0] == "a frame of the chart, 3,000 iterations recorded, 1 of 2"
    assert told[-1] == "a frame of the chart of a run of 6,000 iterations, 2 of 2"
    for claim in (early, late, short):
        assert len(claim.measured) == 8
        assert max(claim.measured) > 0
        assert claim.holds == (claim.median <= 8)
    middle = (early.median + late.median) / 2
    assert apart.median == pytest.approx(100 * abs(early.median - middle) / middle)
