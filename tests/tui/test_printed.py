"""What is printed to the normal screen."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from engine.storage.entry import RunEntry
from tui.command_line import run_list
from tui.look.run_cells import fitting


def test_one_line_a_run_on_a_terminal_of_80_columns(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """A long name is shortened; status, time and accuracy of a run are always complete, on one line."""
    monkeypatch.setenv("TTY_COMPATIBLE", "1")  # Rich then prints as on a terminal
    monkeypatch.setenv("COLUMNS", "80")
    monkeypatch.setenv("NO_COLOR", "1")
    run = RunEntry(
        name="a-rather-long-name-for-a-run",
        path=Path("runs"),
        status="interrupted",
        at="2026-03-14T15:09:00+00:00",
        dataset="a folder of many pictures",
        model="batchnorm",
        accuracy=100.0,
        problem="",
    )
    run_list.print_runs([run])
    printed_text = re.sub(r"\x1b\[\d*m", "", capsys.readouterr().out)
    lines = [line.rstrip() for line in printed_text.splitlines()]
    assert all(len(line) <= 80 for line in lines)
    line = next(line for line in lines if "a-rat" in line)
    assert all(shown in line for shown in ("interrupted", "2026-03-14 15:09", "batchnorm", "100.00 %"))
    assert "accuracy" in lines[1]


def test_names_are_shortened_last() -> None:
    """Where a table has no room, other texts are shortened before the names, numbers never, nothing without need."""
    can_be_cut = [True, False, True, True]
    assert fitting(can_be_cut, [20, 10, 15, 30], 81, 2) == [20, 10, 15, 30]
    assert fitting(can_be_cut, [20, 10, 15, 30], 60, 2) == [20, 10, 12, 12]
    assert fitting(can_be_cut, [20, 10, 15, 30], 45, 2) == [17, 10, 6, 6]
    assert fitting(can_be_cut, [20, 10, 15, 30], 10, 2) == [12, 10, 6, 6]
