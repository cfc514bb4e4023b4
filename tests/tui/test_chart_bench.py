"""What the bench says of the chart's frames."""

from __future__ import annotations

import pytest

from tui import chart_bench


def test_frames_of_short_and_long_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every length of run gets its figure, of every frame, and how far they are apart is told."""
    monkeypatch.setattr(chart_bench, "LENGTHS", (3_000, 30_000))
    monkeypatch.setattr(chart_bench, "_FRAMES", 4)
    told: list[str] = []
    short, long, apart = chart_bench.frames((80, 24), told.append)
    assert told == ["frames of the chart at 3,000 iterations", "frames of the chart at 30,000 iterations"]
    assert len(short.measured) == len(long.measured) == 4
    assert max(*short.measured, *long.measured) > 0
    assert apart.median == pytest.approx(100 * (max(short.median, long.median) / min(short.median, long.median) - 1))
