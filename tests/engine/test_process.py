"""Other processes of the program run the program, wherever they are started."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from engine.process import python_running


@pytest.mark.parametrize("name", ["engine", "tui", "numpy", "runpy", "json"])
def test_a_persons_files_are_not_run(tmp_path: Path, name: str) -> None:
    """A file in the working directory that is called like one of ours, or like a library, is left alone."""
    (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the program')")
    done = subprocess.run(
        [*python_running("tui"), "runs", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
