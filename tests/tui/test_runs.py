"""The list of runs on disk, in the app and on the command line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from textual.app import App
from textual.widgets import DataTable, Static

from engine.storage.entry import RunEntry
from engine.storage.listing import list_runs
from tui.command_line.main import execute
from tui.screens.runs import RunsScreen


@pytest.fixture
def runs_dir(tmp_path: Path) -> Path:
    """Holds one run, with a damaged journal."""
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "events.jsonl").write_text("nonsense\n")
    (tmp_path / "broken" / "losses.f32").touch()
    return tmp_path


async def test_reason_of_a_run_that_cannot_be_read(runs_dir: Path) -> None:
    """The list shows a run that cannot be read, and under the list why, as long as the cursor is on it."""
    readable = RunEntry("fine", runs_dir / "fine", "completed", "2026-03-14T15:09:26+01:00")
    entries = (*list_runs(runs_dir), readable)

    class Host(App[None]):
        def on_mount(self) -> None:
            self.push_screen(RunsScreen(runs_dir, lambda: entries))

    app = Host()
    async with app.run_test(size=(80, 24)) as pilot:
        await app.workers.wait_for_complete()
        while not app.screen.query_one(DataTable).row_count:
            await pilot.pause()
        await pilot.pause()
        problem = app.screen.query_one("#problem", Static)
        assert "broken/events.jsonl, line 1: not an event of this version." in str(problem.content)
        assert problem.display
        await pilot.press("down")
        assert not problem.display


def test_reason_on_the_command_line(runs_dir: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """`cifar-tui runs` lists a run that cannot be read, with the reason, as a table and as JSON."""
    assert execute(["runs", "--runs-dir", str(runs_dir)]) == 0
    out = capsys.readouterr().out
    assert "unreadable" in out
    assert f"broken: {runs_dir}/broken/events.jsonl, line 1: not an event of this version." in out
    assert execute(["runs", "--json", "--runs-dir", str(runs_dir)]) == 0
    (entry,) = json.loads(capsys.readouterr().out)
    assert (entry["name"], entry["status"], entry["accuracy"]) == ("broken", "unreadable", None)
    assert "line 1" in entry["problem"]
