"""The program as a process of its own: started, disturbed, resumed, and compared with a run that was left alone."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Unpack

import numpy as np
import pytest
from safetensors.numpy import load_file

from engine.storage import predictions, tail
from tests.processes import PATIENCE, Options, start

AS_IN_LONG_RUNS = "from engine.training import restore; restore.KEPT_AFTER_EPOCH = 0.0"
"""Keeps a checkpoint after each epoch however short it is, so that there is more to be disturbed."""

RARELY = "from engine.training import restore; restore.KEPT_AFTER_EPOCH = 3_600.0"
"""Keeps only the checkpoint at the start, so that a run which goes on does everything again."""

WHOLE_RECIPE = (
    *("--model", "speedrun", "--width", "8", "--optimizer", "muon", "--momentum", "0.6", "--learning-rate", "0.1"),
    *("--schedule", "linear", "--warmup", "0.5", "--augmentation", "flip-shift-cutout", "--label-smoothing", "0.1"),
    *("--average", "0.9", "--test-views", "6", "--validation", "64", "--keep-best", "--patience", "2"),
)
"""Every part of a recipe; the last value of a repeated flag counts."""


CHANGES = ((75, "learning_rate", 0.01), (150, "epochs", 4))
"""Two changes of a run of 192 iterations: after which one, what, and to what."""


def steered(*changes: tuple[int, str, float]) -> str:
    """Code that lets a run be asked for `changes`."""
    return f"""
from engine.control import Set
from engine.training.reporter import Reporter
trained = Reporter.trained
def ask(self, losses):
    trained(self, losses)
    for iteration, name, value in {changes!r}:
        if iteration == self._iteration:
            self._control.ask(Set(name, value))
Reporter.trained = ask
"""


CTRL_B, CTRL_R, ENTER = "\x02", "\x12", "\r"


class Command:
    """`cifar-tui` with these arguments, without a terminal."""

    def __init__(self, *arguments: str, cwd: Path, **options: Unpack[Options]) -> None:
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 - open until the end of the process
        with open(os.devnull, "rb") as nothing:
            output = self._output.fileno()
            files = (nothing.fileno(), output, output)
            self.process = start(*arguments, cwd=cwd, files=files, **options)

    @property
    def pid(self) -> int:
        return self.process.pid

    def said(self) -> str:
        """What it has written to stdout and stderr so far."""
        return os.pread(self._output.fileno(), 10_000_000, 0).decode()

    def send(self, number: int) -> None:
        self.process.send_signal(number)

    def ended(self) -> tuple[int, str]:
        """Wait for the end; the exit code, minus a signal's number if one ended it, and what it wrote."""
        code = self.process.wait()
        said = self.said()
        self._output.close()
        return code, said


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

    def start(self, *words: str, **options: Unpack[Options]) -> Command:
        if not options.get("afresh") and "before" not in options:
            options["first"] = f"{AS_IN_LONG_RUNS}\n{options.get('first', '')}"
        return Command(*words, cwd=self.root, **options)

    def train(self, name: str, *words: str, epochs: int = 3, **options: Unpack[Options]) -> Command:
        return self.start("train", *self.constants(name, epochs), *words, **options)

    def train_struck(self, name: str, call: str, number: int, how: str) -> tuple[int, str, bool]:
        """Train, and let strace do `how` at each thread's `number`th `call` of the kernel.

        The exit code, what was said, and whether there was such a call.
        """
        if shutil.which("strace") is None:
            pytest.skip("strace is not installed: apt-get install strace")
        log, gate = self.root / f"{name}.strace", self.root / f"{name}.gate"
        os.mkfifo(gate)
        command = self.train(name, first=f"open({str(gate)!r}).close()")  # waits until this end is opened
        inject = f"inject={call}:{how}:when={number}"
        words = ["strace", "-f", "-qq", "-o", str(log), "-e", f"trace={call}", "-e", inject, "-p", str(command.pid)]
        with subprocess.Popen(words):
            status = Path(f"/proc/{command.pid}/status")
            wait(lambda: "TracerPid:\t0" not in status.read_text(), "strace")
            gate.open("w").close()
            code, said = command.ended()
        struck = "INJECTED" in log.read_text() or code == -signal.SIGKILL
        log.unlink()
        gate.unlink()
        return code, said, struck

    def resume(self, name: str, first: str = "") -> tuple[int, str]:
        """Go on with the run, after the Python code `first`; the exit code and what it said."""
        return self.start("resume", name, "--runs-dir", str(self.runs), first=first).ended()

    def left_running(self) -> list[int]:
        """Processes that work below `root`; Linux only."""
        found = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if link.readlink().is_relative_to(self.root):
                    found.append(int(link.parent.name))
            except OSError:  # it has ended
                continue
        return found


def wait(until: Callable[[], object], what: str) -> None:
    """Wait until a condition holds."""
    give_up = time.monotonic() + PATIENCE
    while not until():
        assert time.monotonic() < give_up, f"waited in vain: {what}"
        time.sleep(0.005)


def trains(folder: Path) -> bool:
    """Whether training has begun: the first checkpoint is there."""
    return any(folder.glob("checkpoints/iter*"))


def finished(program: Program, name: str, *words: str, epochs: int = 3, first: str = "") -> Path:
    """The folder of a run that was left alone, after the Python code `first`."""
    code, said = program.train(name, *words, epochs=epochs, first=first).ended()
    assert code == 0, said
    return program.runs / name


def assert_same(folder: Path, straight: Path) -> None:
    """The run in `folder` completed with the very losses, weights, optimizer state, accuracies and predictions of
    `straight`."""
    record, expected = tail.read(folder), tail.read(straight)
    assert record.status == "completed", record.lines
    np.testing.assert_array_equal(record.losses, expected.losses)
    assert [(done.iteration, done.matrix) for done in record.evaluations] == [
        (done.iteration, done.matrix) for done in expected.evaluations
    ]
    assert [change.change for change in record.changes] == [change.change for change in expected.changes]
    assert (folder / "losses.f32").read_bytes() == (straight / "losses.f32").read_bytes()
    last, expected_last = (max((run / "checkpoints").glob("iteration-*")) for run in (folder, straight))
    assert last.name == expected_last.name
    best, expected_best = ([each.name for each in (run / "checkpoints").glob("best-*")] for run in (folder, straight))
    assert best == expected_best
    assert [done.predictions for done in record.evaluations] == [done.predictions for done in expected.evaluations]
    kept, expected_kept = ({each.name for each in (run / "predictions").iterdir()} for run in (folder, straight))
    assert kept == expected_kept
    for done in record.evaluations:
        predictions.read(folder, done, record.classes)
    files = [last / "model.safetensors", last / "training.safetensors"]
    for file in files + [folder / "checkpoints" / name / "model.safetensors" for name in best]:
        tensors, expected_tensors = load_file(file), load_file(straight / file.relative_to(folder))
        assert tensors.keys() == expected_tensors.keys()
        for key, tensor in tensors.items():
            np.testing.assert_array_equal(tensor, expected_tensors[key], err_msg=key)
