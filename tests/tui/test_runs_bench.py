"""The measurement of the list of runs."""

from __future__ import annotations

from pathlib import Path

from tests.made_runs import make_run
from tui.bench.run_list import listed


def test_the_list_is_measured(tmp_path: Path) -> None:
    """The bench opens a list of runs as it is the first time and later, and moves in it, and tells each measurement."""
    run = make_run(tmp_path / "one")
    said: list[str] = []
    claims = listed(run, tmp_path / "many", (80, 24), said.append, runs=30)
    assert [claim.what for claim in claims] == [
        "opening the list of 30 runs that were never read",
        "opening the list of 30 runs",
        "a key in that list",
    ]
    assert [len(claim.measured) for claim in claims] == [1, 5, 40]
    assert all(min(claim.measured) > 0 for claim in claims)
    assert said == ["making 30 runs", "opening the list of runs"]
    assert (tmp_path / "many" / ".index.json").exists()
