"""The program as a process of its own, started, disturbed, resumed, and compared with a run that was left alone."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.storage import folder as rundir

PATIENCE = 240.0
"""Seconds after which a test gives up on a process; no test passes or fails by how long it really takes."""


@dataclass(frozen=True)
class Program:
    """`cifar-tui`, working below `root`."""

    root: Path

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    def constants(self, name: str, epochs: int = 3) -> list[str]:
        """The words that make a quick run called `name`, the same each time."""
        return [
            *("--data", str(self.root / "images"), "--data-dir", str(self.root / "data"), "--epochs", str(epochs)),
            *("--batch-size", "8", "--threads", "1", "--device", "cpu"),
            *("--runs-dir", str(self.runs), "--name", name),
        ]

    def start(
        self, *words: str, before: tuple[str, ...] = (), called: tuple[str, ...] = ("-m", "tui")
    ) -> subprocess.Popen[str]:
        """Start the program with `words`, behind another such as strace; `called` is how Python finds it."""
        return subprocess.Popen(
            [*before, sys.executable, *called, *words],
            cwd=self.root,
            env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2]), "PYTHONDONTWRITEBYTECODE": "1"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )

    def train(self, name: str, *, epochs: int = 3, before: tuple[str, ...] = ()) -> subprocess.Popen[str]:
        return self.start("train", *self.constants(name, epochs), before=before)

    def resume(self, name: str) -> tuple[int, str]:
        """Go on with the run; the exit code and what it said."""
        return ended(self.start("resume", name, "--runs-dir", str(self.runs)))


def struck(call: str, number: int, how: str, log: str = "/dev/null") -> tuple[str, ...]:
    """What to run the program behind, so that each of its threads that comes to its `number`th `call` is struck; `log`
    tells of it."""
    strace = shutil.which("strace")
    if strace is None:
        pytest.skip("strace is not installed: apt-get install strace")
    return (strace, "-f", "-qq", "-o", log, "-e", f"trace={call}", "-e", f"inject={call}:{how}:when={number}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str]:
    """The exit code of a process once it has ended, and what it said."""
    try:
        out, err = process.communicate(timeout=PATIENCE)
    except subprocess.TimeoutExpired:
        process.kill()
        raise
    return process.returncode, out + err


def finished(program: Program, name: str, epochs: int = 3) -> Path:
    """The folder of a run that was left alone."""
    code, said = ended(program.train(name, epochs=epochs))
    assert code == 0, said
    return program.runs / name


def assert_same(folder: Path, straight: Path) -> None:
    """The run in `folder` completed with the very losses, weights, Adam state and accuracies of `straight`."""
    record, expected = rundir.read(folder), rundir.read(straight)
    assert record.status == "completed", record.lines
    np.testing.assert_array_equal(record.losses, expected.losses)
    assert [(done.iteration, done.matrix) for done in record.evaluations] == [
        (done.iteration, done.matrix) for done in expected.evaluations
    ]
    assert (folder / "losses.f32").read_bytes() == (straight / "losses.f32").read_bytes()
    last, expected_last = (max((run / "checkpoints").glob("iteration-*")) for run in (folder, straight))
    for name in ("model.safetensors", "training.safetensors"):
        tensors, expected_tensors = load_file(last / name), load_file(expected_last / name)
        assert tensors.keys() == expected_tensors.keys()
        for key, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, expected_tensors[key], err_msg=key)
