"""Processes that the program starts run the program, whatever the working directory is."""

from __future__ import annotations

import subprocess
from pathlib import Path

from engine.process import python_running


def test_a_persons_files_are_not_run(tmp_path: Path) -> None:
    """Files in the working directory with the names of the program's modules or of libraries are left alone."""
    for name in ("engine", "tui", "numpy", "runpy", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('this is not the program')")
    done = subprocess.run(
        [*python_running("tui"), "runs", "--json"], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "[]\n", "")
